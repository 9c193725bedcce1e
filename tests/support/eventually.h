#pragma once

#include <ctime>
#include <functional>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace millrace {

// True once `condition` holds; false if it does not within `within`. Looks every 10 ms: for what
// can only be polled, such as another process or a file. Everything else has something to wait on.
inline bool Eventually(const std::function<bool()>& condition,
                       absl::Duration within = absl::Minutes(1)) {
  const absl::Time deadline = absl::Now() + within;
  while (!condition()) {
    if (absl::Now() > deadline) return false;
    const timespec pause{.tv_sec = 0, .tv_nsec = 10'000'000};
    nanosleep(&pause, nullptr);
  }
  return true;
}

}  // namespace millrace
