#pragma once

#include <vector>

#include "millrace/v1/job_queue.grpc.pb.h"
#include "server/model/job_admission.h"
#include "server/rpc/job_watcher.h"
#include "server/rpc/pool_control.h"
#include "server/rpc/rpc_server_options.h"
#include "server/store/job_store.h"

namespace millrace {

// millrace.v1.JobQueue over the store. Every call but WaitJob blocks a thread of gRPC's synchronous
// server while the database works; how many there are is a setting of the RpcServer. Owned by the
// RpcServer; destroyed after the grpc::Server. Thread-safe.
class JobQueueService final
    : public v1::JobQueue::WithCallbackMethod_WaitJob<v1::JobQueue::Service> {
 public:
  // Wakes `pool` after adding jobs that are due. `watcher` answers those who wait for jobs.
  JobQueueService(JobStore& store, PoolControl& pool, JobWatcher& watcher,
                  const RpcServerOptions& options);

 private:
  grpc::Status AddJob(grpc::ServerContext* context, const v1::AddJobRequest* request,
                      v1::AddJobResponse* response) override;
  grpc::Status AddJobs(grpc::ServerContext* context, const v1::AddJobsRequest* request,
                       v1::AddJobsResponse* response) override;
  grpc::Status GetJob(grpc::ServerContext* context, const v1::GetJobRequest* request,
                      v1::GetJobResponse* response) override;
  grpc::Status ListJobs(grpc::ServerContext* context, const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* WaitJob(grpc::CallbackServerContext* context,
                                    const v1::WaitJobRequest* request,
                                    v1::WaitJobResponse* response) override;
  grpc::Status CancelJobs(grpc::ServerContext* context, const v1::CancelJobsRequest* request,
                          v1::CancelJobsResponse* response) override;
  grpc::Status PermanentlyFailJobs(grpc::ServerContext* context,
                                   const v1::PermanentlyFailJobsRequest* request,
                                   v1::PermanentlyFailJobsResponse* response) override;
  grpc::Status ResetOverdueJobs(grpc::ServerContext* context,
                                const v1::ResetOverdueJobsRequest* request,
                                v1::ResetOverdueJobsResponse* response) override;

  absl::Status AddOne(const v1::AddJobRequest& request, const CallLimit& call,
                      v1::AddJobResponse& response);
  absl::Status AddMany(const v1::AddJobsRequest& request, const CallLimit& call,
                       v1::AddJobsResponse& response);
  absl::Status GetOne(const v1::GetJobRequest& request, const CallLimit& call,
                      v1::GetJobResponse& response);
  absl::Status ListPage(const v1::ListJobsRequest& request, const CallLimit& call,
                        v1::ListJobsResponse& response);
  // Of the requests to end jobs, which are of one form.
  template <typename Request>
  absl::StatusOr<std::vector<EndResult>> End(const Request& request, JobEnding ending,
                                             const CallLimit& call);
  absl::Status ResetOverdue(const v1::ResetOverdueJobsRequest& request, const CallLimit& call,
                            v1::ResetOverdueJobsResponse& response);

  // REQUIRES: they were admitted.
  absl::StatusOr<std::vector<AddedJob>> Add(const std::vector<JobSpec>& specs,
                                            const RequestKey& key, const CallLimit& call);
  // The job as it stands, or what is known of it where it cannot be read.
  void SetAddedJob(const AddedJob& added, const JobSpec& spec, const CallLimit& call, v1::Job& job);

  JobStore& store_;
  PoolControl& pool_;
  JobWatcher& watcher_;
  const JobAdmission admission_;
  const absl::Duration lock_timeout_;
};

}  // namespace millrace
