#include "server/pool/worker_slot.h"

#include <utility>

namespace millrace {

void WorkerSlot::Begin(const ClaimedJob& job, absl::Duration started, absl::Duration deadline) {
  std::stop_source source;
  MutexLock lock(mutex_);
  job_ = &job;
  ++serial_;
  started_ = started;
  deadline_ = deadline;
  source_ = std::move(source);
  reason_ = StopReason::kNone;
  stuck_ = false;
}

void WorkerSlot::Restart(absl::Duration started, absl::Duration deadline) {
  MutexLock lock(mutex_);
  started_ = started;
  deadline_ = deadline;
}

StopReason WorkerSlot::End() {
  MutexLock lock(mutex_);
  job_ = nullptr;
  stuck_ = false;
  return reason_;
}

std::stop_token WorkerSlot::stop_token() const {
  MutexLock lock(mutex_);
  return source_.get_token();
}

StopReason WorkerSlot::stop_reason() const {
  MutexLock lock(mutex_);
  return reason_;
}

absl::Duration WorkerSlot::deadline() const {
  MutexLock lock(mutex_);
  return deadline_;
}

bool WorkerSlot::WaitFor(absl::Duration duration) {
  MutexLock lock(mutex_);
  return !clock_.WaitFor(mutex_, asked_, duration, [this] {
    mutex_.AssertHeld();
    return reason_ != StopReason::kNone;
  });
}

bool WorkerSlot::RequestStop(StopReason reason) {
  uint64_t serial = 0;
  {
    MutexLock lock(mutex_);
    serial = serial_;
  }
  return RequestStopOf(serial, reason);
}

bool WorkerSlot::RequestStopOf(const Hold& hold, StopReason reason) {
  uint64_t serial = 0;
  {
    MutexLock lock(mutex_);
    if (job_ == nullptr || Hold{job_->claim_id, job_->job.id} != hold) return false;
    serial = serial_;
  }
  return RequestStopOf(serial, reason);
}

bool WorkerSlot::RequestStopOf(uint64_t serial, StopReason reason) {
  MutexLock lock(mutex_);
  if (job_ == nullptr || serial_ != serial) return false;
  if (reason_ != StopReason::kNone) return true;
  reason_ = reason;
  asked_at_ = clock_.Monotonic();
  asked_.NotifyAll();
  notifier_.Fire(source_);
  return true;
}

std::optional<WorkerSlot::View> WorkerSlot::OverDeadline(absl::Duration now) const {
  MutexLock lock(mutex_);
  if (job_ == nullptr || reason_ != StopReason::kNone || now < deadline_) return std::nullopt;
  return ViewLocked(now);
}

std::optional<WorkerSlot::View> WorkerSlot::TakeStuck(absl::Duration now, absl::Duration grace) {
  MutexLock lock(mutex_);
  if (job_ == nullptr || reason_ == StopReason::kNone || stuck_ || now < asked_at_ + grace) {
    return std::nullopt;
  }
  stuck_ = true;
  return ViewLocked(now);
}

std::optional<WorkerSlot::View> WorkerSlot::Look(absl::Duration now) const {
  MutexLock lock(mutex_);
  if (job_ == nullptr) return std::nullopt;
  return ViewLocked(now);
}

bool WorkerSlot::stuck() const {
  MutexLock lock(mutex_);
  return stuck_;
}

absl::Duration WorkerSlot::NextLook(absl::Duration grace) const {
  MutexLock lock(mutex_);
  if (job_ == nullptr || stuck_) return absl::InfiniteDuration();
  return reason_ == StopReason::kNone ? deadline_ : asked_at_ + grace;
}

WorkerSlot::View WorkerSlot::ViewLocked(absl::Duration now) const {
  View view;
  view.serial = serial_;
  view.job.job_id = job_->job.id;
  view.job.task_identifier = job_->job.task_identifier;
  view.job.attempt = job_->job.attempt;
  view.job.max_attempts = job_->job.max_attempts;
  view.job.queue_name = job_->job.queue_name;
  view.job.flags = job_->job.flags;
  view.job.duration = now - started_;
  return view;
}

}  // namespace millrace
