#include "client/library/job_queue_client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/library/call.h"
#include "client/library/convert.h"
#include "client/library/job_wait.h"
#include "client/library/request_id.h"
#include "grpcpp/channel.h"
#include "millrace/v1/job_queue.grpc.pb.h"
#include "server/base/clock.h"

namespace millrace::client {

using Stub = v1::JobQueue::Stub;

struct JobQueueClient::Wire {
  std::unique_ptr<Stub> stub;
};

JobQueueClient::JobQueueClient(const Connection& connection)
    : connection_(connection),
      deadline_(connection.options().deadline),
      change_attempts_(connection.options().change_attempts),
      wire_(new Wire{v1::JobQueue::NewStub(connection.channel())}) {}

JobQueueClient::~JobQueueClient() = default;

absl::StatusOr<AddedJobDetails> JobQueueClient::AddJob(const JobSpec& spec) {
  v1::AddJobRequest request;
  request.set_request_id(NewRequestId());
  *request.mutable_job() = ToProto(spec);
  v1::AddJobResponse response;
  const absl::Status called =
      CallUntilDone(*wire_->stub, &Stub::AddJob, request, &response, deadline_, change_attempts_);
  if (!called.ok()) return called;
  const absl::StatusOr<AddResult> result = FromProto(response.result());
  if (!result.ok()) return result.status();
  const bool complete = response.job().state() != v1::JOB_STATE_UNSPECIFIED;
  if (!complete) response.mutable_job()->set_state(v1::JOB_STATE_READY);
  absl::StatusOr<JobDetails> job = FromProto(std::move(*response.mutable_job()));
  if (!job.ok()) return job.status();
  return AddedJobDetails{*std::move(job), *result, complete};
}

absl::StatusOr<std::vector<AddedJob>> JobQueueClient::AddJobs(const std::vector<JobSpec>& specs) {
  v1::AddJobsRequest request;
  request.set_request_id(NewRequestId());
  for (const JobSpec& spec : specs) *request.add_jobs() = ToProto(spec);
  v1::AddJobsResponse response;
  const absl::Status called =
      CallUntilDone(*wire_->stub, &Stub::AddJobs, request, &response, deadline_, change_attempts_);
  if (!called.ok()) return called;
  std::vector<AddedJob> added;
  added.reserve(response.jobs_size());
  for (const v1::AddedJob& job : response.jobs()) {
    const absl::StatusOr<AddResult> result = FromProto(job.result());
    if (!result.ok()) return result.status();
    added.push_back({job.id(), *result});
  }
  if (added.size() != specs.size()) {
    return absl::InternalError(absl::StrCat("the server answered for ", added.size(), " jobs of ",
                                            specs.size(), " that were sent"));
  }
  return added;
}

absl::StatusOr<JobWithAttempts> JobQueueClient::GetJob(JobId id) {
  v1::GetJobRequest request;
  request.set_id(id);
  v1::GetJobResponse response;
  const absl::Status called = Call(*wire_->stub, &Stub::GetJob, request, &response, deadline_);
  if (!called.ok()) return called;
  absl::StatusOr<JobDetails> job = FromProto(std::move(*response.mutable_job()));
  if (!job.ok()) return job.status();
  JobWithAttempts found{*std::move(job), {}};
  for (v1::Attempt& wire : *response.mutable_attempts()) {
    absl::StatusOr<Attempt> attempt = FromProto(std::move(wire));
    if (!attempt.ok()) return attempt.status();
    found.attempts.push_back(*std::move(attempt));
  }
  return found;
}

absl::StatusOr<WaitedJob> JobQueueClient::WaitJob(JobId id, absl::Duration timeout) {
  SystemClock clock;
  return JobWait(connection_, clock, id, JobWait::Options()).Run(timeout);
}

absl::StatusOr<JobPage> JobQueueClient::ListJobs(const JobFilter& filter, int page_size,
                                                 const std::string& page_token) {
  v1::ListJobsRequest request = ToProto(filter);
  request.set_page_size(page_size);
  request.set_page_token(page_token);
  v1::ListJobsResponse response;
  const absl::Status called = Call(*wire_->stub, &Stub::ListJobs, request, &response, deadline_);
  if (!called.ok()) return called;
  JobPage page;
  page.jobs.reserve(response.jobs_size());
  for (v1::Job& wire : *response.mutable_jobs()) {
    absl::StatusOr<JobDetails> job = FromProto(std::move(wire));
    if (!job.ok()) return job.status();
    page.jobs.push_back(*std::move(job));
  }
  page.next_page_token = response.next_page_token();
  return page;
}

absl::StatusOr<std::vector<EndResult>> JobQueueClient::CancelJobs(const std::vector<JobId>& ids,
                                                                  const std::string& reason) {
  return EndJobs<v1::CancelJobsRequest, v1::CancelJobsResponse>(&Stub::CancelJobs, ids, reason);
}

absl::StatusOr<std::vector<EndResult>> JobQueueClient::PermanentlyFailJobs(
    const std::vector<JobId>& ids, const std::string& reason) {
  return EndJobs<v1::PermanentlyFailJobsRequest, v1::PermanentlyFailJobsResponse>(
      &Stub::PermanentlyFailJobs, ids, reason);
}

template <typename Request, typename Response, typename Method>
absl::StatusOr<std::vector<EndResult>> JobQueueClient::EndJobs(Method method,
                                                               const std::vector<JobId>& ids,
                                                               const std::string& reason) {
  Request request;
  request.set_request_id(NewRequestId());
  request.mutable_ids()->Add(ids.begin(), ids.end());
  request.set_reason(reason);
  Response response;
  const absl::Status called =
      CallUntilDone(*wire_->stub, method, request, &response, deadline_, change_attempts_);
  if (!called.ok()) return called;
  std::vector<EndResult> results;
  for (int i = 0; i < response.results_size(); ++i) {
    const absl::StatusOr<EndResult> result = FromProto(response.results(i));
    if (!result.ok()) return result.status();
    results.push_back(*result);
  }
  if (results.size() != ids.size()) {
    return absl::InternalError(absl::StrCat("the server answered for ", results.size(), " jobs of ",
                                            ids.size(), " that were named"));
  }
  return results;
}

absl::StatusOr<int> JobQueueClient::ResetOverdueJobs() {
  v1::ResetOverdueJobsRequest request;
  request.set_request_id(NewRequestId());
  v1::ResetOverdueJobsResponse response;
  const absl::Status called = CallUntilDone(*wire_->stub, &Stub::ResetOverdueJobs, request,
                                            &response, deadline_, change_attempts_);
  if (!called.ok()) return called;
  return response.freed();
}

}  // namespace millrace::client
