#include "server/rpc/fleet_work.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/logging.h"
#include "server/base/named_thread.h"

namespace millrace {
namespace {

// So many calls that stop the pool may be carried out for others at a time, as for callers.
constexpr int kStopThreads = 4;

}  // namespace

FleetWork::FleetWork(FleetStore& store, PoolCommands& commands, std::function<void()> on_answered)
    : store_(store), commands_(commands), on_answered_(std::move(on_answered)) {}

FleetWork::~FleetWork() {
  RequestStop();
  Join();
}

absl::Status FleetWork::Start() {
  MutexLock lock(mutex_);
  if (stop_) return absl::FailedPreconditionError("stopped before it was started");
  Spawn("fleet-stop", kStopThreads, stops_);
  Spawn("fleet-force", 1, force_stops_);
  Spawn("fleet-call", 1, others_);
  return absl::OkStatus();
}

void FleetWork::Spawn(const char* thread_name, int threads, Lane& lane) {
  for (int i = 0; i < threads; ++i) {
    threads_.push_back(StartNamedThread(thread_name, [this, &lane] { Work(lane); }));
  }
}

void FleetWork::RequestStop() {
  MutexLock lock(mutex_);
  stop_ = true;
  changed_.NotifyAll();
}

void FleetWork::Join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

FleetWork::Lane& FleetWork::LaneOf(const FleetRequest& request) {
  if (request.method == "Stop") return stops_;
  return request.method == "ForceStop" ? force_stops_ : others_;
}

absl::Status FleetWork::TakeRequests() {
  absl::StatusOr<std::vector<FleetRequest>> requests =
      store_.TakeRequests(commands_.worker_id(), InHand());
  if (!requests.ok()) return requests.status();
  for (FleetRequest& request : *requests) {
    if (request.method == "Stats") {
      // Never waits.
      NoteAnswer(request.id, CarryOut(request));
      continue;
    }
    MutexLock lock(mutex_);
    in_hand_.try_emplace(request.id);
    LaneOf(request).push_back(std::move(request));
    changed_.NotifyAll();
  }
  return absl::OkStatus();
}

absl::Status FleetWork::SendAnswers() {
  std::map<int64_t, absl::StatusOr<std::string>> answers;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, answer] : in_hand_) {
      if (answer.has_value()) answers.emplace(id, *answer);
    }
  }
  absl::Status first_fault;
  for (const auto& [id, answer] : answers) {
    const absl::Status told = store_.Answer(id, answer);
    if (absl::IsUnavailable(told)) return told;
    if (!told.ok()) {
      // Such as a text that the database does not take: it would never be told.
      first_fault.Update(told);
      NoteAnswer(id, absl::InternalError(
                         absl::StrCat("its answer cannot be passed on: ", told.message())));
      continue;
    }
    MutexLock lock(mutex_);
    in_hand_.erase(id);
  }
  return first_fault;
}

void FleetWork::Work(Lane& lane) {
  while (true) {
    FleetRequest request;
    {
      MutexLock lock(mutex_);
      while (!stop_ && lane.empty()) changed_.Wait(mutex_);
      if (lane.empty()) return;
      request = std::move(lane.front());
      lane.pop_front();
    }
    NoteAnswer(request.id, CarryOut(request));
    on_answered_();
  }
}

absl::StatusOr<std::string> FleetWork::CarryOut(const FleetRequest& request) {
  if (request.method != "Stats") {
    spdlog::info("fleet: {}, asked for through {}", request.method, request.asked_by);
  }
  try {
    return commands_.Run(request.method, request.payload);
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("unexpected exception: ", error.what()));
  } catch (...) {
    return absl::InternalError("unexpected exception");
  }
}

void FleetWork::NoteAnswer(int64_t id, absl::StatusOr<std::string> answer) {
  MutexLock lock(mutex_);
  in_hand_[id] = std::move(answer);
}

std::vector<int64_t> FleetWork::InHand() {
  std::vector<int64_t> ids;
  MutexLock lock(mutex_);
  for (const auto& [id, answer] : in_hand_) ids.push_back(id);
  return ids;
}

}  // namespace millrace
