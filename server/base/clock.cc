#include "server/base/clock.h"

#include <ctime>

#include "absl/time/clock.h"

namespace millrace {

absl::Time SystemClock::Now() const { return absl::Now(); }

absl::Duration SystemClock::Monotonic() const {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::DurationFromTimespec(now);
}

bool SystemClock::WaitFor(Mutex& mutex, CondVar& changed, absl::Duration timeout,
                          const std::function<bool()>& done) {
  const absl::Duration deadline = Monotonic() + timeout;
  while (!done()) {
    if (timeout == absl::InfiniteDuration()) {
      changed.Wait(mutex);
    } else if (!changed.WaitWithTimeout(mutex, deadline - Monotonic()) && Monotonic() >= deadline) {
      return done();
    }
  }
  return true;
}

}  // namespace millrace
