#include "server/rpc/job_wait.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/convert/job_proto.h"
#include "server/rpc/convert/proto_time.h"

namespace millrace {
namespace {

constexpr absl::Duration kMaxTimeout = absl::Hours(24);

absl::StatusOr<absl::Duration> ToTimeout(const v1::WaitJobRequest& request) {
  if (!request.has_timeout()) return absl::InfiniteDuration();
  const absl::StatusOr<absl::Duration> timeout = ToDuration(request.timeout(), "timeout");
  if (!timeout.ok()) return timeout;
  if (*timeout >= absl::ZeroDuration() && *timeout <= kMaxTimeout) return timeout;
  return absl::InvalidArgumentError(absl::StrCat("timeout: must be 0 to 24 h, got ",
                                                 absl::ToDoubleSeconds(*timeout), " seconds"));
}

void SetResponse(const WatchedJob& job, v1::WaitJobResponse& response) {
  SetJob(job.details, *response.mutable_job());
  response.set_finished(job.has_ended());
  if (job.last_attempt.has_value()) {
    SetAttempt(*job.last_attempt, *response.mutable_last_attempt());
  }
  response.set_successor_id(job.successor);
}

}  // namespace

JobWait* JobWait::Begin(RpcCall call, JobWatcher& watcher, const v1::WaitJobRequest& request,
                        v1::WaitJobResponse& response) {
  const absl::StatusOr<JobId> job = ToJobId(request.id(), "id");
  auto wait = std::make_shared<JobWait>(std::move(call), watcher, job.value_or(0), response);
  wait->self_ = wait;
  absl::Status waits = job.status();
  if (waits.ok()) {
    const absl::StatusOr<absl::Duration> timeout = ToTimeout(request);
    waits = timeout.ok() ? watcher.Watch(*job, *timeout, wait) : timeout.status();
  }
  if (!waits.ok()) wait->OnAnswer(waits);
  return wait.get();
}

JobWait::JobWait(RpcCall call, JobWatcher& watcher, JobId job, v1::WaitJobResponse& response)
    : call_(std::move(call)), watcher_(watcher), job_(job), response_(response) {}

void JobWait::OnAnswer(const absl::StatusOr<WatchedJob>& answer) {
  if (answered_.exchange(true)) return;
  Finish(call_.Run([&] {
    if (answer.ok()) SetResponse(*answer, response_);
    return answer.status();
  }));
}

void JobWait::OnCancel() {
  watcher_.Forget(job_, *this);
  OnAnswer(absl::CancelledError("the caller has gone"));
}

void JobWait::OnDone() { self_.reset(); }

}  // namespace millrace
