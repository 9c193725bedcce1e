#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace millrace {

// Watches all time limits of a run from one thread: it calls its checks whenever the earliest of
// the times that they have asked for has come. A limit that is set costs nothing unless it is
// earlier than what the watch waits for already; limits that fall away are noticed at the next
// check. Owned by a run of the pool, which calls Run in a thread of its own. Thread-safe.
class DeadlineWatch {
 public:
  // Called with the monotonic time; returns when it wants to be called again at the latest.
  using Check = std::function<absl::Duration(absl::Duration now)>;

  DeadlineWatch(Clock& clock, std::vector<Check> checks)
      : clock_(clock), checks_(std::move(checks)) {}

  // Returns after RequestStop.
  void Run();
  void RequestStop();

  // The checks must be called at this monotonic time at the latest. To be called after what the
  // checks look at has been set.
  void LookAt(absl::Duration at);

 private:
  absl::Duration CallChecks();

  Clock& clock_;
  const std::vector<Check> checks_;

  Mutex mutex_;
  CondVar changed_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  // The earliest time asked for by LookAt since the checks were last called.
  absl::Duration asked_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  // What the watch waits for, in nanoseconds. Written under mutex_ and read without it, so that
  // LookAt is cheap when it has nothing to change.
  std::atomic<int64_t> next_ns_{0};
};

}  // namespace millrace
