#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "grpcpp/support/server_callback.h"
#include "server/base/lifecycle.h"
#include "server/base/mutex.h"
#include "server/rpc/rpc_call.h"

namespace millrace {

// Threads of our own for calls that wait, so that they hold none of gRPC's, and a bounded line of
// calls before them. Each kind of call has its lane: however many wait in one, the others go on.
// A call is answered exactly once: with what its body returned, with RESOURCE_EXHAUSTED if the line
// is full, or with UNAVAILABLE if the lane is stopped before; what its body does then goes on
// unheard, and Join waits for it. Owned by its service. Thread-safe.
class CallLane final : public Lifecycle {
 public:
  // Writes the response. It is called once, or never if the call was answered already.
  using Reply = std::function<void()>;
  using Body = std::function<absl::StatusOr<Reply>()>;

  // `name` is that of its threads; at most `max_waiting` calls wait for one of them.
  CallLane(std::string name, int threads, size_t max_waiting);
  ~CallLane() override;

  absl::Status Start() override;
  void RequestStop() override;
  void Join() override;

  // Calls `body` in a thread of the lane and finishes `reactor` then. Never waits. `body` must not
  // touch what lives only as long as the call; its Reply may.
  void Run(RpcCall call, grpc::ServerUnaryReactor* reactor, Body body);

 private:
  class Entry;

  void Work();
  std::shared_ptr<Entry> Next();
  void Remove(const std::shared_ptr<Entry>& entry);

  // Constant after construction.
  const std::string name_;
  const int thread_count_;
  const size_t max_waiting_;

  // Touched by Start, which is called once, and Join.
  std::vector<std::thread> threads_;

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::shared_ptr<Entry>> waiting_ ABSL_GUARDED_BY(mutex_);
  std::set<std::shared_ptr<Entry>> running_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
