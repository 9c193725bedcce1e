#include "server/rpc/job_queue_service.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/logging.h"
#include "server/model/utf8.h"
#include "server/rpc/convert/job_proto.h"
#include "server/rpc/convert/request_key.h"
#include "server/rpc/job_wait.h"
#include "server/rpc/page_token.h"
#include "server/rpc/rpc_call.h"

namespace millrace {
namespace {

constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1000;
constexpr int kMaxAttemptsShown = 100;
// What a reply may hold beyond its first element: clients take 4 MiB unless told otherwise.
constexpr size_t kReplyBytes = 3 * 1024 * 1024;
// Jobs asked of the store at first, until it is known how large they are.
constexpr int kFirstFetch = 10;
constexpr size_t kReasonBytes = 1024;

// What differs between the calls that end jobs.
struct EndingWords {
  const char* method;
  const char* done;
  const char* default_reason;
};

EndingWords WordsOf(JobEnding ending) {
  if (ending == JobEnding::kCancel)
    return {"JobQueue/CancelJobs", "cancelled", "cancelled by an operator"};
  return {"JobQueue/PermanentlyFailJobs", "failed for good", "failed by an operator"};
}

absl::StatusOr<int> ToPageSize(int proto) {
  if (proto == 0) return kDefaultPageSize;
  if (proto > 0 && proto <= kMaxPageSize) return proto;
  return absl::InvalidArgumentError(absl::StrCat("page_size: must be 1 to ", kMaxPageSize,
                                                 ", or 0 for ", kDefaultPageSize, ", got ", proto));
}

// Fills a page, and takes no more jobs from the store than fit in about one reply.
class PageBuilder {
 public:
  PageBuilder(int page_size, v1::ListJobsResponse& response)
      : page_size_(page_size), response_(response) {}

  // How many more jobs to fetch; 0 once the page is full.
  int Wanted() const {
    const int room = full_ ? 0 : page_size_ - response_.jobs_size();
    if (response_.jobs_size() == 0) return std::min(room, kFirstFetch);
    const size_t average = std::max<size_t>(bytes_ / response_.jobs_size(), 1);
    const size_t bytes_left = kReplyBytes - std::min(bytes_, kReplyBytes);
    return static_cast<int>(std::min<size_t>(room, std::max<size_t>(bytes_left / average, 1)));
  }

  // False, without adding it, if the page is full.
  bool Add(const JobDetails& details) {
    v1::Job job;
    SetJob(details, job);
    const size_t bytes = job.ByteSizeLong();
    full_ = response_.jobs_size() > 0 && bytes_ + bytes > kReplyBytes;
    if (full_) return false;
    bytes_ += bytes;
    *response_.add_jobs() = std::move(job);
    return true;
  }

  JobId last_id() const { return response_.jobs(response_.jobs_size() - 1).id(); }

 private:
  const int page_size_;
  v1::ListJobsResponse& response_;
  size_t bytes_ = 0;
  bool full_ = false;
};

absl::StatusOr<std::string> ToReason(const std::string& proto, const char* default_reason) {
  if (proto.empty()) return default_reason;
  if (proto.size() > kReasonBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("reason: at most ", kReasonBytes, " bytes, got ", proto.size()));
  }
  if (!IsPrintableUtf8(proto)) return absl::InvalidArgumentError("reason: must be printable UTF-8");
  return proto;
}

}  // namespace

JobQueueService::JobQueueService(JobStore& store, PoolControl& pool, JobWatcher& watcher,
                                 const RpcServerOptions& options)
    : store_(store),
      pool_(pool),
      watcher_(watcher),
      admission_{options.limits, options.default_max_attempts},
      lock_timeout_(options.lock_timeout) {}

grpc::Status JobQueueService::AddJob(grpc::ServerContext* context, const v1::AddJobRequest* request,
                                     v1::AddJobResponse* response) {
  return RpcCall(*context, "JobQueue/AddJob").Run([&] {
    return AddOne(*request, LimitOf(*context), *response);
  });
}

grpc::Status JobQueueService::AddJobs(grpc::ServerContext* context,
                                      const v1::AddJobsRequest* request,
                                      v1::AddJobsResponse* response) {
  return RpcCall(*context, "JobQueue/AddJobs").Run([&] {
    return AddMany(*request, LimitOf(*context), *response);
  });
}

grpc::Status JobQueueService::GetJob(grpc::ServerContext* context, const v1::GetJobRequest* request,
                                     v1::GetJobResponse* response) {
  return RpcCall(*context, "JobQueue/GetJob").Run([&] {
    return GetOne(*request, LimitOf(*context), *response);
  });
}

grpc::ServerUnaryReactor* JobQueueService::WaitJob(grpc::CallbackServerContext* context,
                                                   const v1::WaitJobRequest* request,
                                                   v1::WaitJobResponse* response) {
  return JobWait::Begin(RpcCall(*context, "JobQueue/WaitJob"), watcher_, *request, *response);
}

grpc::Status JobQueueService::ListJobs(grpc::ServerContext* context,
                                       const v1::ListJobsRequest* request,
                                       v1::ListJobsResponse* response) {
  return RpcCall(*context, "JobQueue/ListJobs").Run([&] {
    return ListPage(*request, LimitOf(*context), *response);
  });
}

grpc::Status JobQueueService::CancelJobs(grpc::ServerContext* context,
                                         const v1::CancelJobsRequest* request,
                                         v1::CancelJobsResponse* response) {
  return RpcCall(*context, "JobQueue/CancelJobs").Run([&] {
    const auto results = End(*request, JobEnding::kCancel, LimitOf(*context));
    if (!results.ok()) return results.status();
    for (const EndResult result : *results) response->add_results(ToCancelResult(result));
    return absl::OkStatus();
  });
}

grpc::Status JobQueueService::PermanentlyFailJobs(grpc::ServerContext* context,
                                                  const v1::PermanentlyFailJobsRequest* request,
                                                  v1::PermanentlyFailJobsResponse* response) {
  return RpcCall(*context, "JobQueue/PermanentlyFailJobs").Run([&] {
    const auto results = End(*request, JobEnding::kFail, LimitOf(*context));
    if (!results.ok()) return results.status();
    for (const EndResult result : *results) response->add_results(ToFailResult(result));
    return absl::OkStatus();
  });
}

grpc::Status JobQueueService::ResetOverdueJobs(grpc::ServerContext* context,
                                               const v1::ResetOverdueJobsRequest* request,
                                               v1::ResetOverdueJobsResponse* response) {
  return RpcCall(*context, "JobQueue/ResetOverdueJobs").Run([&] {
    return ResetOverdue(*request, LimitOf(*context), *response);
  });
}

absl::Status JobQueueService::AddOne(const v1::AddJobRequest& request, const CallLimit& call,
                                     v1::AddJobResponse& response) {
  if (!request.has_job()) return absl::InvalidArgumentError("job: must be set");
  absl::StatusOr<JobSpec> spec = ToJobSpec(request.job(), "job");
  if (!spec.ok()) return spec.status();
  if (absl::Status valid = admission_.Admit(*spec, "job"); !valid.ok()) return valid;
  const absl::StatusOr<RequestKey> key =
      ToRequestKey("JobQueue/AddJob", request.request_id(), request);
  if (!key.ok()) return key.status();
  const std::vector<JobSpec> specs = {*std::move(spec)};
  const absl::StatusOr<std::vector<AddedJob>> added = Add(specs, *key, call);
  if (!added.ok()) return added.status();
  response.set_result(ToProto(added->front().result));
  SetAddedJob(added->front(), specs.front(), call, *response.mutable_job());
  return absl::OkStatus();
}

absl::Status JobQueueService::AddMany(const v1::AddJobsRequest& request, const CallLimit& call,
                                      v1::AddJobsResponse& response) {
  std::vector<JobSpec> specs;
  specs.reserve(request.jobs_size());
  for (int i = 0; i < request.jobs_size(); ++i) {
    absl::StatusOr<JobSpec> spec = ToJobSpec(request.jobs(i), absl::StrCat("jobs[", i, "]"));
    if (!spec.ok()) return spec.status();
    specs.push_back(*std::move(spec));
  }
  if (absl::Status valid = admission_.Admit(specs); !valid.ok()) return valid;
  const absl::StatusOr<RequestKey> key =
      ToRequestKey("JobQueue/AddJobs", request.request_id(), request);
  if (!key.ok()) return key.status();
  const absl::StatusOr<std::vector<AddedJob>> added = Add(specs, *key, call);
  if (!added.ok()) return added.status();
  for (const AddedJob& job : *added) {
    v1::AddedJob& proto = *response.add_jobs();
    proto.set_id(job.id);
    proto.set_result(ToProto(job.result));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<AddedJob>> JobQueueService::Add(const std::vector<JobSpec>& specs,
                                                           const RequestKey& key,
                                                           const CallLimit& call) {
  absl::StatusOr<std::vector<AddedJob>> added = store_.AddJobs(specs, key, call);
  if (!added.ok()) return added;
  if (added->size() != specs.size()) {
    return absl::InternalError(absl::StrCat("the store was asked to add ", specs.size(),
                                            " jobs and answered for ", added->size()));
  }
  if (HasDueJob(specs, *added)) pool_.Wake();
  return added;
}

void JobQueueService::SetAddedJob(const AddedJob& added, const JobSpec& spec, const CallLimit& call,
                                  v1::Job& job) {
  const absl::StatusOr<JobDetails> details = store_.GetJob(added.id, call);
  if (details.ok()) {
    SetJob(*details, job);
    return;
  }
  // It is added: an error now would make the caller add it again.
  if (call.Check().ok())
    spdlog::warn("job {} was added but not read back: {}", added.id, details.status().ToString());
  if (added.result == AddResult::kExisting) {
    job.set_id(added.id);
    job.set_job_key(spec.job_key);
  } else {
    SetJobFromSpec(added.id, spec, job);
  }
}

absl::Status JobQueueService::GetOne(const v1::GetJobRequest& request, const CallLimit& call,
                                     v1::GetJobResponse& response) {
  const absl::StatusOr<JobId> id = ToJobId(request.id(), "id");
  if (!id.ok()) return id.status();
  const absl::StatusOr<JobDetails> details = store_.GetJob(*id, call);
  if (!details.ok()) return details.status();
  const absl::StatusOr<std::vector<Attempt>> attempts =
      store_.ListAttempts(*id, kMaxAttemptsShown, call);
  if (!attempts.ok()) return attempts.status();
  SetJob(*details, *response.mutable_job());
  size_t bytes = response.ByteSizeLong();
  for (const Attempt& attempt : *attempts) {
    v1::Attempt proto;
    SetAttempt(attempt, proto);
    bytes += proto.ByteSizeLong();
    if (response.attempts_size() > 0 && bytes > kReplyBytes) break;
    *response.add_attempts() = std::move(proto);
  }
  return absl::OkStatus();
}

absl::Status JobQueueService::ListPage(const v1::ListJobsRequest& request, const CallLimit& call,
                                       v1::ListJobsResponse& response) {
  const absl::StatusOr<JobFilter> filter = ToJobFilter(request);
  if (!filter.ok()) return filter.status();
  const absl::StatusOr<int> page_size = ToPageSize(request.page_size());
  if (!page_size.ok()) return page_size.status();
  std::optional<JobId> before;
  if (!request.page_token().empty()) {
    const absl::StatusOr<JobId> parsed = ParsePageToken(request.page_token(), *filter);
    if (!parsed.ok()) return parsed.status();
    before = *parsed;
  }
  PageBuilder page(*page_size, response);
  while (const int wanted = page.Wanted()) {
    const absl::StatusOr<JobPage> fetched = store_.ListJobs(*filter, before, wanted, call);
    if (!fetched.ok()) return fetched.status();
    before = fetched->next_before;
    for (const JobDetails& details : fetched->jobs) {
      if (page.Add(details)) continue;
      before = page.last_id();
      break;
    }
    if (!before.has_value()) return absl::OkStatus();
    // The store has looked through as much as one call may; the caller goes on from there.
    if (static_cast<int>(fetched->jobs.size()) < wanted) break;
  }
  response.set_next_page_token(MakePageToken(*before, *filter));
  return absl::OkStatus();
}

template <typename Request>
absl::StatusOr<std::vector<EndResult>> JobQueueService::End(const Request& request,
                                                            JobEnding ending,
                                                            const CallLimit& call) {
  const EndingWords words = WordsOf(ending);
  const absl::StatusOr<std::vector<JobId>> ids = ToJobIds(request.ids(), "ids");
  if (!ids.ok()) return ids.status();
  const absl::StatusOr<std::string> reason = ToReason(request.reason(), words.default_reason);
  if (!reason.ok()) return reason.status();
  const absl::StatusOr<RequestKey> key = ToRequestKey(words.method, request.request_id(), request);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::vector<EndResult>> results =
      store_.EndJobs(*ids, ending, *reason, *key, call);
  if (results.ok()) spdlog::info("{} jobs were to be {}: {}", ids->size(), words.done, *reason);
  return results;
}

absl::Status JobQueueService::ResetOverdue(const v1::ResetOverdueJobsRequest& request,
                                           const CallLimit& call,
                                           v1::ResetOverdueJobsResponse& response) {
  const absl::StatusOr<RequestKey> key =
      ToRequestKey("JobQueue/ResetOverdueJobs", request.request_id(), request);
  if (!key.ok()) return key.status();
  const absl::StatusOr<int> freed = store_.ResetOverdueJobs(lock_timeout_, *key, call);
  if (!freed.ok()) return freed.status();
  if (*freed > 0) spdlog::info("{} jobs that were locked for too long are available", *freed);
  response.set_freed(*freed);
  return absl::OkStatus();
}

}  // namespace millrace
