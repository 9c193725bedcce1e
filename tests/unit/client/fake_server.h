#pragma once

#include <functional>
#include <memory>
#include <string>

#include "grpcpp/grpcpp.h"
#include "millrace/v1/job_queue.grpc.pb.h"
#include "millrace/v1/worker_pool.grpc.pb.h"

namespace millrace::client {

// A worker pool whose answers a test writes. What it does not write is UNIMPLEMENTED.
struct FakePool final : public v1::WorkerPool::Service {
  using EventWriter = grpc::ServerWriter<v1::EventsResponse>;

  std::function<grpc::Status(v1::StartResponse*)> on_start;
  std::function<grpc::Status(const v1::StopRequest&, v1::StopResponse*)> on_stop;
  std::function<grpc::Status(v1::ForceStopResponse*)> on_force_stop;
  std::function<grpc::Status(v1::StatsResponse*)> on_stats;
  std::function<grpc::Status(const v1::UpdatePoolRequest&, v1::UpdatePoolResponse*)> on_update_pool;
  std::function<grpc::Status(v1::ListPoolsResponse*)> on_list_pools;
  std::function<grpc::Status(v1::WorkerIdResponse*)> on_worker_id;
  // The `pool` and `save` of the last Start, Stop, ForceStop or Stats.
  v1::PoolSelector selected;
  bool saved = false;
  std::function<grpc::Status(const v1::EventsRequest&, EventWriter&, grpc::ServerContext&)>
      on_events;

  grpc::Status Start(grpc::ServerContext*, const v1::StartRequest*,
                     v1::StartResponse* response) override;
  grpc::Status Stop(grpc::ServerContext*, const v1::StopRequest* request,
                    v1::StopResponse* response) override;
  grpc::Status ForceStop(grpc::ServerContext*, const v1::ForceStopRequest*,
                         v1::ForceStopResponse* response) override;
  grpc::Status Stats(grpc::ServerContext*, const v1::StatsRequest*,
                     v1::StatsResponse* response) override;
  grpc::Status UpdatePool(grpc::ServerContext*, const v1::UpdatePoolRequest* request,
                          v1::UpdatePoolResponse* response) override;
  grpc::Status ListPools(grpc::ServerContext*, const v1::ListPoolsRequest*,
                         v1::ListPoolsResponse* response) override;
  grpc::Status WorkerId(grpc::ServerContext*, const v1::WorkerIdRequest*,
                        v1::WorkerIdResponse* response) override;
  grpc::Status Events(grpc::ServerContext* context, const v1::EventsRequest* request,
                      EventWriter* writer) override;
};

// A job queue whose answers a test writes. What it does not write is UNIMPLEMENTED.
struct FakeQueue final : public v1::JobQueue::Service {
  std::function<grpc::Status(const v1::AddJobRequest&, v1::AddJobResponse*)> on_add_job;
  std::function<grpc::Status(const v1::AddJobsRequest&, v1::AddJobsResponse*)> on_add_jobs;
  std::function<grpc::Status(const v1::GetJobRequest&, v1::GetJobResponse*)> on_get_job;
  std::function<grpc::Status(const v1::WaitJobRequest&, v1::WaitJobResponse*)> on_wait_job;
  std::function<grpc::Status(const v1::ListJobsRequest&, v1::ListJobsResponse*)> on_list_jobs;
  std::function<grpc::Status(const v1::CancelJobsRequest&, v1::CancelJobsResponse*)> on_cancel_jobs;
  std::function<grpc::Status(const v1::PermanentlyFailJobsRequest&,
                             v1::PermanentlyFailJobsResponse*)>
      on_permanently_fail_jobs;
  std::function<grpc::Status(v1::ResetOverdueJobsResponse*)> on_reset_overdue_jobs;

  grpc::Status AddJob(grpc::ServerContext*, const v1::AddJobRequest* request,
                      v1::AddJobResponse* response) override;
  grpc::Status AddJobs(grpc::ServerContext*, const v1::AddJobsRequest* request,
                       v1::AddJobsResponse* response) override;
  grpc::Status GetJob(grpc::ServerContext*, const v1::GetJobRequest* request,
                      v1::GetJobResponse* response) override;
  grpc::Status WaitJob(grpc::ServerContext*, const v1::WaitJobRequest* request,
                       v1::WaitJobResponse* response) override;
  grpc::Status ListJobs(grpc::ServerContext*, const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override;
  grpc::Status CancelJobs(grpc::ServerContext*, const v1::CancelJobsRequest* request,
                          v1::CancelJobsResponse* response) override;
  grpc::Status PermanentlyFailJobs(grpc::ServerContext*,
                                   const v1::PermanentlyFailJobsRequest* request,
                                   v1::PermanentlyFailJobsResponse* response) override;
  grpc::Status ResetOverdueJobs(grpc::ServerContext*, const v1::ResetOverdueJobsRequest*,
                                v1::ResetOverdueJobsResponse* response) override;
};

// A server with both on a Unix socket of its own, which can go away and come back under the same
// address. Owned by the test; write the answers before Start. Used from one thread: the test's.
class FakeServer {
 public:
  FakeServer();
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  void Start();
  // Breaks every call off.
  void Stop();
  std::string address() const { return "unix:" + folder_ + "/socket"; }

  FakePool pool;
  FakeQueue queue;

 private:
  const std::string folder_;
  std::unique_ptr<grpc::Server> server_;
};

// A job with the given id and task, as a server would send it.
v1::Job WireJob(int64_t id, const std::string& task);

// Messages of the feed.
v1::EventsResponse WireBookmark(const std::string& incarnation, uint64_t sequence);
v1::EventsResponse WireEvents(const std::string& incarnation, uint64_t first, uint64_t last,
                              const std::string& task = "resize_image");
v1::EventsResponse WireGap(const std::string& incarnation, uint64_t first, uint64_t last,
                           const std::string& reason);

}  // namespace millrace::client
