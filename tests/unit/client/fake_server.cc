#include "tests/unit/client/fake_server.h"

#include <cstdlib>
#include <filesystem>

#include "gtest/gtest.h"

namespace millrace::client {
namespace {

const grpc::Status kUnwritten(grpc::StatusCode::UNIMPLEMENTED, "the test has no answer for this");

std::string MakeFolder() {
  std::string folder = testing::TempDir() + "fakeXXXXXX";
  return mkdtemp(folder.data()) == nullptr ? "" : folder;
}

}  // namespace

grpc::Status FakePool::UpdatePool(grpc::ServerContext*, const v1::UpdatePoolRequest* request,
                                  v1::UpdatePoolResponse* response) {
  return on_update_pool ? on_update_pool(*request, response) : kUnwritten;
}

grpc::Status FakePool::ListPools(grpc::ServerContext*, const v1::ListPoolsRequest*,
                                 v1::ListPoolsResponse* response) {
  return on_list_pools ? on_list_pools(response) : kUnwritten;
}

grpc::Status FakePool::Start(grpc::ServerContext*, const v1::StartRequest* request,
                             v1::StartResponse* response) {
  selected = request->pool();
  saved = request->save();
  return on_start ? on_start(response) : kUnwritten;
}

grpc::Status FakePool::Stop(grpc::ServerContext*, const v1::StopRequest* request,
                            v1::StopResponse* response) {
  selected = request->pool();
  saved = request->save();
  return on_stop ? on_stop(*request, response) : kUnwritten;
}

grpc::Status FakePool::ForceStop(grpc::ServerContext*, const v1::ForceStopRequest* request,
                                 v1::ForceStopResponse* response) {
  selected = request->pool();
  return on_force_stop ? on_force_stop(response) : kUnwritten;
}

grpc::Status FakePool::Stats(grpc::ServerContext*, const v1::StatsRequest* request,
                             v1::StatsResponse* response) {
  selected = request->pool();
  return on_stats ? on_stats(response) : kUnwritten;
}

grpc::Status FakePool::WorkerId(grpc::ServerContext*, const v1::WorkerIdRequest*,
                                v1::WorkerIdResponse* response) {
  return on_worker_id ? on_worker_id(response) : kUnwritten;
}

grpc::Status FakePool::Events(grpc::ServerContext* context, const v1::EventsRequest* request,
                              EventWriter* writer) {
  return on_events ? on_events(*request, *writer, *context) : kUnwritten;
}

grpc::Status FakeQueue::AddJob(grpc::ServerContext*, const v1::AddJobRequest* request,
                               v1::AddJobResponse* response) {
  return on_add_job ? on_add_job(*request, response) : kUnwritten;
}

grpc::Status FakeQueue::AddJobs(grpc::ServerContext*, const v1::AddJobsRequest* request,
                                v1::AddJobsResponse* response) {
  return on_add_jobs ? on_add_jobs(*request, response) : kUnwritten;
}

grpc::Status FakeQueue::CancelJobs(grpc::ServerContext*, const v1::CancelJobsRequest* request,
                                   v1::CancelJobsResponse* response) {
  return on_cancel_jobs ? on_cancel_jobs(*request, response) : kUnwritten;
}

grpc::Status FakeQueue::PermanentlyFailJobs(grpc::ServerContext*,
                                            const v1::PermanentlyFailJobsRequest* request,
                                            v1::PermanentlyFailJobsResponse* response) {
  return on_permanently_fail_jobs ? on_permanently_fail_jobs(*request, response) : kUnwritten;
}

grpc::Status FakeQueue::ResetOverdueJobs(grpc::ServerContext*, const v1::ResetOverdueJobsRequest*,
                                         v1::ResetOverdueJobsResponse* response) {
  return on_reset_overdue_jobs ? on_reset_overdue_jobs(response) : kUnwritten;
}

grpc::Status FakeQueue::GetJob(grpc::ServerContext*, const v1::GetJobRequest* request,
                               v1::GetJobResponse* response) {
  return on_get_job ? on_get_job(*request, response) : kUnwritten;
}

grpc::Status FakeQueue::WaitJob(grpc::ServerContext*, const v1::WaitJobRequest* request,
                                v1::WaitJobResponse* response) {
  return on_wait_job ? on_wait_job(*request, response) : kUnwritten;
}

grpc::Status FakeQueue::ListJobs(grpc::ServerContext*, const v1::ListJobsRequest* request,
                                 v1::ListJobsResponse* response) {
  return on_list_jobs ? on_list_jobs(*request, response) : kUnwritten;
}

FakeServer::FakeServer() : folder_(MakeFolder()) {}

FakeServer::~FakeServer() {
  Stop();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void FakeServer::Start() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address(), grpc::InsecureServerCredentials());
  builder.SetMaxReceiveMessageSize(64 * 1024 * 1024);
  builder.RegisterService(&pool);
  builder.RegisterService(&queue);
  server_ = builder.BuildAndStart();
  ASSERT_NE(server_, nullptr) << "cannot listen on " << address();
}

void FakeServer::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

v1::Job WireJob(int64_t id, const std::string& task) {
  v1::Job job;
  job.set_id(id);
  job.set_task_identifier(task);
  job.set_payload("{}");
  job.set_state(v1::JOB_STATE_READY);
  job.set_max_attempts(25);
  job.mutable_run_at()->set_seconds(1'719'999'940);
  job.mutable_created_at()->set_seconds(1'719'999'880);
  return job;
}

v1::EventsResponse WireBookmark(const std::string& incarnation, uint64_t sequence) {
  v1::EventsResponse response;
  response.set_incarnation(incarnation);
  response.mutable_bookmark()->set_sequence(sequence);
  return response;
}

v1::EventsResponse WireEvents(const std::string& incarnation, uint64_t first, uint64_t last,
                              const std::string& task) {
  v1::EventsResponse response;
  response.set_incarnation(incarnation);
  for (uint64_t sequence = first; sequence <= last; ++sequence) {
    v1::Event& event = *response.mutable_batch()->add_events();
    event.set_sequence(sequence);
    event.set_type("job/completed");
    event.mutable_emitted_at()->set_seconds(1'720'000'000);
    event.set_worker_id(incarnation);
    event.mutable_job()->set_job_id(static_cast<int64_t>(1000 + sequence));
    event.mutable_job()->set_task_identifier(task);
    event.mutable_job()->set_attempt(1);
    event.mutable_job()->set_max_attempts(25);
  }
  return response;
}

v1::EventsResponse WireGap(const std::string& incarnation, uint64_t first, uint64_t last,
                           const std::string& reason) {
  v1::EventsResponse response;
  response.set_incarnation(incarnation);
  response.mutable_gap()->set_first_missing(first);
  response.mutable_gap()->set_last_missing(last);
  response.mutable_gap()->set_reason(reason);
  return response;
}

}  // namespace millrace::client
