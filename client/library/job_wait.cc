#include "client/library/job_wait.h"

#include <algorithm>
#include <utility>

#include "client/library/call.h"
#include "client/library/convert.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "millrace/v1/job_queue.grpc.pb.h"

namespace millrace::client {
namespace {

// What one call waits: short enough that a server which has vanished is noticed.
constexpr absl::Duration kLongestCall = absl::Seconds(30);

absl::StatusOr<WaitedJob> FromProto(v1::WaitJobResponse&& response) {
  absl::StatusOr<JobDetails> job = client::FromProto(std::move(*response.mutable_job()));
  if (!job.ok()) return job.status();
  WaitedJob waited{*std::move(job), response.finished(), std::nullopt, response.successor_id()};
  if (response.has_last_attempt()) {
    absl::StatusOr<Attempt> attempt =
        client::FromProto(std::move(*response.mutable_last_attempt()));
    if (!attempt.ok()) return attempt.status();
    waited.last_attempt = *std::move(attempt);
  }
  return waited;
}

}  // namespace

struct JobWait::Wire {
  std::unique_ptr<v1::JobQueue::Stub> stub;
};

JobWait::JobWait(const Connection& connection, Clock& clock, JobId job, Options options)
    : clock_(clock),
      job_(job),
      options_(std::move(options)),
      call_deadline_(connection.options().deadline),
      wire_(new Wire{v1::JobQueue::NewStub(connection.channel())}) {}

JobWait::~JobWait() = default;

absl::StatusOr<WaitedJob> JobWait::Run(absl::Duration timeout) {
  const absl::Duration deadline = clock_.Monotonic() + timeout;
  while (true) {
    const absl::Duration left = std::max(deadline - clock_.Monotonic(), absl::ZeroDuration());
    absl::StatusOr<WaitedJob> job = Ask(std::min(left, kLongestCall));
    if (cancelled()) return absl::CancelledError("the wait was cancelled");
    if (job.ok()) {
      answered_ = true;
      failures_ = 0;
      if (job->finished || clock_.Monotonic() >= deadline) return job;
    } else if (!MayTryAgain(job.status(), deadline)) {
      return cancelled() ? absl::CancelledError("the wait was cancelled") : job.status();
    }
  }
}

absl::StatusOr<WaitedJob> JobWait::Ask(absl::Duration wait) {
  v1::WaitJobRequest request;
  request.set_id(job_);
  *request.mutable_timeout() = ToProto(wait);
  grpc::ClientContext context;
  SetTimeout(context, wait + call_deadline_);
  {
    MutexLock lock(mutex_);
    if (cancelled_) return absl::CancelledError("the wait was cancelled");
    context_ = &context;
  }
  v1::WaitJobResponse response;
  const absl::Status called = FromGrpc(wire_->stub->WaitJob(&context, request, &response));
  {
    MutexLock lock(mutex_);
    context_ = nullptr;
  }
  if (!called.ok()) return called;
  return FromProto(std::move(response));
}

bool JobWait::MayTryAgain(const absl::Status& failure, absl::Duration deadline) {
  if (!MayBeTriedAgain(failure) && !absl::IsDeadlineExceeded(failure)) return false;
  ++failures_;
  const bool never_came =
      !answered_ && options_.first_attempts > 0 && failures_ >= options_.first_attempts;
  if (never_came || clock_.Monotonic() >= deadline) return false;
  if (options_.on_failure) options_.on_failure(failure);
  const absl::Duration retry_at =
      clock_.Monotonic() + options_.backoff.DelayAfter(failures_, random_);
  MutexLock lock(mutex_);
  clock_.WaitUntil(mutex_, changed_, std::min(retry_at, deadline), [this] {
    mutex_.AssertHeld();
    return cancelled_;
  });
  return !cancelled_;
}

bool JobWait::cancelled() const {
  MutexLock lock(mutex_);
  return cancelled_;
}

void JobWait::Cancel() {
  MutexLock lock(mutex_);
  cancelled_ = true;
  changed_.NotifyAll();
  if (context_ != nullptr) context_->TryCancel();
}

}  // namespace millrace::client
