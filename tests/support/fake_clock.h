#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "absl/time/time.h"
#include "server/base/clock.h"

namespace millrace {

// A clock that stands still until a test moves it. Whoever waits on it looks every millisecond of
// real time whether its time has come. Thread-safe.
class FakeClock final : public Clock {
 public:
  absl::Time Now() const override { return kStart + Monotonic(); }
  absl::Duration Monotonic() const override { return absl::Nanoseconds(elapsed_ns_.load()); }

  bool WaitFor(Mutex& mutex, CondVar& changed, absl::Duration timeout,
               const std::function<bool()>& done) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    const absl::Duration deadline = Monotonic() + timeout;
    ++waiters_;
    while (!done() && Monotonic() < deadline) {
      changed.WaitWithTimeout(mutex, absl::Milliseconds(1));
    }
    --waiters_;
    return done();
  }

  // How many wait on it at this moment: who advances it wants them to have begun.
  int waiters() const { return waiters_; }

  void Advance(absl::Duration by) { elapsed_ns_ += absl::ToInt64Nanoseconds(by); }

 private:
  // Some day in 2024.
  static constexpr absl::Time kStart = absl::FromUnixSeconds(1'720'000'000);

  std::atomic<int64_t> elapsed_ns_{0};
  std::atomic<int> waiters_{0};
};

}  // namespace millrace
