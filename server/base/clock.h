#pragma once

#include <functional>

#include "absl/time/time.h"
#include "server/base/mutex.h"

namespace millrace {

// Where time comes from. Owned by whoever builds the service (or the test) and outlives all users.
// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall-clock time. It may jump; use it for what people read, never to measure a wait.
  virtual absl::Time Now() const = 0;

  // Time since some fixed moment; never goes back. For durations and deadlines.
  virtual absl::Duration Monotonic() const = 0;

  // Waits on `changed` until `done` returns true or `timeout` has passed, and returns done().
  // `done` is called with `mutex` held, in this thread, and must not wait. Whoever changes what
  // `done` reads notifies `changed`.
  virtual bool WaitFor(Mutex& mutex, CondVar& changed, absl::Duration timeout,
                       const std::function<bool()>& done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) = 0;

  // The same until a monotonic time. Not WaitFor with what is left until then: a clock that moves
  // between the look at it and the wait would make that too long.
  bool WaitUntil(Mutex& mutex, CondVar& changed, absl::Duration at,
                 const std::function<bool()>& done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    const auto is_over = [&] { return done() || Monotonic() >= at; };
    WaitFor(mutex, changed, at - Monotonic(), is_over);
    return done();
  }
};

// The machine's clocks. Thread-safe.
class SystemClock final : public Clock {
 public:
  absl::Time Now() const override;
  absl::Duration Monotonic() const override;
  bool WaitFor(Mutex& mutex, CondVar& changed, absl::Duration timeout,
               const std::function<bool()>& done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) override;
};

}  // namespace millrace
