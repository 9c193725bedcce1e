#pragma once

#include <atomic>
#include <memory>

#include "grpcpp/support/server_callback.h"
#include "millrace/v1/job_queue.pb.h"
#include "server/rpc/job_watcher.h"
#include "server/rpc/rpc_call.h"

namespace millrace {

// One call of WaitJob. It holds no thread: the watcher, or gRPC where the caller has gone, answers
// it, whoever comes first. Shared by the watcher while it waits, and by itself until gRPC is done
// with it. The watcher outlives it. Thread-safe.
class JobWait final : public grpc::ServerUnaryReactor, public JobWaiter {
 public:
  // The reactor of the call, which waits from now on or is answered already. `response` is gRPC's.
  static JobWait* Begin(RpcCall call, JobWatcher& watcher, const v1::WaitJobRequest& request,
                        v1::WaitJobResponse& response);

  JobWait(RpcCall call, JobWatcher& watcher, JobId job, v1::WaitJobResponse& response);

 private:
  void OnAnswer(const absl::StatusOr<WatchedJob>& answer) override;
  void OnCancel() override;
  void OnDone() override;

  // Constant after construction.
  const RpcCall call_;
  JobWatcher& watcher_;
  const JobId job_;

  // Of the one who answers.
  v1::WaitJobResponse& response_;
  std::atomic<bool> answered_ = false;

  // Set by Begin; goes with OnDone.
  std::shared_ptr<JobWait> self_;
};

}  // namespace millrace
