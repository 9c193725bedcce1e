#include "server/pool/deadline_watch.h"

#include <algorithm>
#include <limits>

namespace millrace {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

}  // namespace

void DeadlineWatch::Run() {
  while (true) {
    {
      // Whatever is asked for from here on wakes the watch, since the checks may have gone past it.
      MutexLock lock(mutex_);
      if (stop_) return;
      asked_ = absl::InfiniteDuration();
      next_ns_ = kNever;
    }
    const absl::Duration wanted = CallChecks();
    MutexLock lock(mutex_);
    const absl::Duration next = std::min(wanted, asked_);
    next_ns_ = absl::ToInt64Nanoseconds(next);
    clock_.WaitUntil(mutex_, changed_, next, [this, next] {
      mutex_.AssertHeld();
      return stop_ || asked_ < next;
    });
  }
}

absl::Duration DeadlineWatch::CallChecks() {
  const absl::Duration now = clock_.Monotonic();
  absl::Duration next = absl::InfiniteDuration();
  for (const Check& check : checks_) next = std::min(next, check(now));
  return next;
}

void DeadlineWatch::RequestStop() {
  MutexLock lock(mutex_);
  stop_ = true;
  changed_.NotifyAll();
}

void DeadlineWatch::LookAt(absl::Duration at) {
  if (absl::ToInt64Nanoseconds(at) >= next_ns_) return;
  MutexLock lock(mutex_);
  asked_ = std::min(asked_, at);
  changed_.NotifyAll();
}

}  // namespace millrace
