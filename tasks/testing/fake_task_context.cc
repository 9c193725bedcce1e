#include "tasks/testing/fake_task_context.h"

namespace millrace {

FakeTaskContext::FakeTaskContext(const std::string& task_identifier, const std::string& payload)
    : now_(absl::FromUnixSeconds(1'700'000'000)) {
  job_.id = 1;
  job_.task_identifier = task_identifier;
  job_.payload = payload;
  job_.attempt = 1;
  job_.run_at = now_;
  job_.created_at = now_;
}

void FakeTaskContext::RequestStop(StopReason reason) {
  {
    MutexLock lock(mutex_);
    if (stop_reason_ != StopReason::kNone) return;
    stop_reason_ = reason;
  }
  // Not under the mutex: what the handler hangs on its token runs within this call.
  stop_.request_stop();
}

void FakeTaskContext::Advance(absl::Duration duration) {
  bool passed = false;
  {
    MutexLock lock(mutex_);
    now_ += duration;
    passed = now_ >= deadline_;
  }
  if (passed) RequestStop(StopReason::kTimeout);
}

void FakeTaskContext::SetNow(absl::Time now) {
  MutexLock lock(mutex_);
  now_ = now;
}

void FakeTaskContext::SetTimeLimit(absl::Duration limit) {
  MutexLock lock(mutex_);
  deadline_ = now_ + limit;
}

std::vector<FakeTaskContext::LogRecord> FakeTaskContext::logs() const {
  MutexLock lock(mutex_);
  return logs_;
}

std::vector<JobSpec> FakeTaskContext::added_jobs() const { return added_jobs_.specs(); }

absl::StatusOr<AddedJob> FakeTaskContext::AddJob(JobSpec spec) {
  return added_jobs_.Add(std::move(spec), stop_token());
}

absl::StatusOr<std::vector<AddedJob>> FakeTaskContext::AddJobs(std::vector<JobSpec> specs) {
  return added_jobs_.Add(std::move(specs), stop_token());
}

absl::StatusOr<TaskTransaction*> FakeTaskContext::BeginTransaction() {
  if (begun_) {
    return absl::FailedPreconditionError("the transaction of this attempt has begun already");
  }
  if (StopRequested()) return absl::CancelledError("the handler was asked to stop");
  begun_ = true;
  return &transaction_;
}

std::vector<JobProgress> FakeTaskContext::progress() const {
  MutexLock lock(mutex_);
  return progress_;
}

void FakeTaskContext::KeepProgress(JobProgress progress) {
  MutexLock lock(mutex_);
  progress_.push_back(std::move(progress));
}

std::vector<absl::Duration> FakeTaskContext::waits() const {
  MutexLock lock(mutex_);
  return waits_;
}

StopReason FakeTaskContext::stop_reason() const {
  MutexLock lock(mutex_);
  return stop_reason_;
}

absl::Duration FakeTaskContext::TimeLeft() const {
  MutexLock lock(mutex_);
  return deadline_ - now_;
}

absl::Time FakeTaskContext::Now() const {
  MutexLock lock(mutex_);
  return now_;
}

bool FakeTaskContext::WaitFor(absl::Duration duration) {
  {
    MutexLock lock(mutex_);
    waits_.push_back(duration);
  }
  if (!StopRequested()) Advance(duration);
  return !StopRequested();
}

void FakeTaskContext::Log(LogLevel level, const std::string& message) {
  {
    MutexLock lock(mutex_);
    logs_.push_back({level, message});
  }
  if (on_log_) on_log_(message);
}

}  // namespace millrace
