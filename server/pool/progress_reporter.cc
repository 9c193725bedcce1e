#include "server/pool/progress_reporter.h"

#include <algorithm>
#include <vector>

namespace millrace {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(250);

}  // namespace

void ProgressReporter::Run() {
  while (true) {
    const Waiting batch = TakeWaiting();
    if (batch.empty()) return;
    Write(batch);
  }
}

void ProgressReporter::RequestStop() {
  MutexLock lock(mutex_);
  stop_ = true;
  changed_.NotifyAll();
}

void ProgressReporter::Report(const Hold& hold, JobEventData event) {
  MutexLock lock(mutex_);
  if (waiting_.empty()) changed_.NotifyAll();
  waiting_.insert_or_assign(KeyOf(hold), std::move(event));
}

void ProgressReporter::Forget(const Hold& hold) {
  MutexLock lock(mutex_);
  waiting_.erase(KeyOf(hold));
  in_hand_.erase(KeyOf(hold));
  while (emitting_) changed_.Wait(mutex_);
}

ProgressReporter::Waiting ProgressReporter::TakeWaiting() {
  MutexLock lock(mutex_);
  while (!stop_) {
    while (waiting_.empty() && !stop_) changed_.Wait(mutex_);
    clock_.WaitUntil(mutex_, changed_, next_write_, [this] {
      mutex_.AssertHeld();
      return stop_;
    });
    // What there was may have been forgotten meanwhile.
    if (stop_ || waiting_.empty()) continue;
    in_hand_ = std::exchange(waiting_, {});
    return in_hand_;
  }
  return {};
}

void ProgressReporter::Write(const Waiting& batch) {
  std::vector<ProgressReport> reports;
  reports.reserve(batch.size());
  for (const auto& [key, event] : batch) {
    reports.push_back({{key.first, key.second}, *event.progress});
  }
  next_write_ = clock_.Monotonic() + kInterval;
  const absl::StatusOr<std::vector<bool>> written = store_.WriteProgress(reports);
  if (written.ok()) {
    backoff_.Reset();
    return EmitWritten(batch, *written);
  }
  errors_.Report("write progress", written.status());
  next_write_ = clock_.Monotonic() + std::max(kInterval, backoff_.Next());
  if (IsTransient(written.status())) PutBack();
}

void ProgressReporter::EmitWritten(const Waiting& batch, const std::vector<bool>& written) {
  std::vector<Event> events;
  {
    MutexLock lock(mutex_);
    size_t position = 0;
    for (const auto& [key, event] : batch) {
      if (!written[position++] || !in_hand_.contains(key)) continue;
      events.emplace_back().type = EventType::kJobProgress;
      events.back().data = event;
    }
    in_hand_.clear();
    // From here on whoever ends an attempt waits, so that no progress stands behind its outcome.
    emitting_ = true;
  }
  events_.Emit(std::move(events));
  MutexLock lock(mutex_);
  emitting_ = false;
  changed_.NotifyAll();
}

void ProgressReporter::PutBack() {
  MutexLock lock(mutex_);
  waiting_.merge(in_hand_);
  in_hand_.clear();
}

}  // namespace millrace
