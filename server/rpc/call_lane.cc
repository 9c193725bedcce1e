#include "server/rpc/call_lane.h"

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/named_thread.h"
#include "server/rpc/grpc_status.h"

namespace millrace {

// One call in the lane. Shared by the lane, the thread that runs it and whoever stops the lane,
// each of which may be the one that answers.
class CallLane::Entry {
 public:
  Entry(RpcCall call, grpc::ServerUnaryReactor* reactor, Body body)
      : call_(std::move(call)), reactor_(reactor), body_(std::move(body)) {}

  void Run() {
    Reply reply;
    const grpc::Status status = call_.Run([&] {
      absl::StatusOr<Reply> result = body_();
      if (result.ok()) reply = *std::move(result);
      return result.status();
    });
    Answer(status, reply);
  }

  // Does nothing if the call was answered already.
  void Answer(const grpc::Status& status, const Reply& reply = {}) {
    if (answered_.exchange(true)) return;
    if (status.ok() && reply) reply();
    reactor_->Finish(status);
  }

 private:
  const RpcCall call_;
  grpc::ServerUnaryReactor* const reactor_;
  const Body body_;
  std::atomic<bool> answered_ = false;
};

namespace {

grpc::Status ShuttingDown() {
  return ToGrpcStatus(absl::UnavailableError("server is shutting down"));
}

}  // namespace

CallLane::CallLane(std::string name, int threads, size_t max_waiting)
    : name_(std::move(name)), thread_count_(threads), max_waiting_(max_waiting) {}

CallLane::~CallLane() {
  RequestStop();
  Join();
}

absl::Status CallLane::Start() {
  MutexLock lock(mutex_);
  if (stopping_) return absl::FailedPreconditionError("stopped before it was started");
  for (int i = 0; i < thread_count_; ++i) {
    threads_.push_back(StartNamedThread(name_, [this] { Work(); }));
  }
  return absl::OkStatus();
}

void CallLane::RequestStop() {
  std::vector<std::shared_ptr<Entry>> unanswered;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    unanswered.assign(running_.begin(), running_.end());
    unanswered.insert(unanswered.end(), waiting_.begin(), waiting_.end());
    waiting_.clear();
    changed_.NotifyAll();
  }
  for (const auto& entry : unanswered) entry->Answer(ShuttingDown());
}

void CallLane::Join() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void CallLane::Run(RpcCall call, grpc::ServerUnaryReactor* reactor, Body body) {
  const std::string method = call.method();
  auto entry = std::make_shared<Entry>(std::move(call), reactor, std::move(body));
  grpc::Status refusal;
  {
    MutexLock lock(mutex_);
    if (stopping_) {
      refusal = ShuttingDown();
    } else if (waiting_.size() >= max_waiting_) {
      refusal = ToGrpcStatus(absl::ResourceExhaustedError(
          absl::StrCat("too many calls of ", method, " wait already: ", waiting_.size())));
    } else {
      waiting_.push_back(entry);
      changed_.NotifyOne();
    }
  }
  if (!refusal.ok()) entry->Answer(refusal);
}

void CallLane::Work() {
  while (const std::shared_ptr<Entry> entry = Next()) {
    entry->Run();
    Remove(entry);
  }
}

std::shared_ptr<CallLane::Entry> CallLane::Next() {
  MutexLock lock(mutex_);
  while (!stopping_ && waiting_.empty()) changed_.Wait(mutex_);
  if (stopping_) return nullptr;
  std::shared_ptr<Entry> entry = std::move(waiting_.front());
  waiting_.pop_front();
  running_.insert(entry);
  return entry;
}

void CallLane::Remove(const std::shared_ptr<Entry>& entry) {
  MutexLock lock(mutex_);
  running_.erase(entry);
}

}  // namespace millrace
