#pragma once

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"

namespace millrace {

// How long somebody waits for the answer of a call of a store. Whoever carries the call out looks
// at it before each statement that it sends, and while it waits for its turn. A plain value.
class CallLimit {
 public:
  // For whoever waits as long as it takes: the store's own limits hold.
  CallLimit() = default;
  // From now on; infinite for no deadline. `caller_has_gone` is asked in the thread of the call,
  // under no lock, and must be quick.
  CallLimit(absl::Duration time_left, std::function<bool()> caller_has_gone)
      : deadline_(SystemClock().Monotonic() + time_left),
        caller_has_gone_(std::move(caller_has_gone)) {}

  // Not positive once the deadline has passed.
  absl::Duration time_left() const { return deadline_ - SystemClock().Monotonic(); }
  bool has_passed() const { return time_left() <= absl::ZeroDuration(); }

  // Ok while somebody waits, DEADLINE_EXCEEDED or CANCELLED afterwards.
  absl::Status Check() const {
    if (has_passed()) return DeadlineHasPassed();
    if (caller_has_gone_ && caller_has_gone_()) return absl::CancelledError("the caller has gone");
    return absl::OkStatus();
  }

  static absl::Status DeadlineHasPassed() {
    return absl::DeadlineExceededError("the deadline of the call has passed");
  }

 private:
  // On the machine's monotonic clock, whatever clock the service is given: what it limits are
  // sockets and calls from outside.
  absl::Duration deadline_ = absl::InfiniteDuration();
  std::function<bool()> caller_has_gone_;
};

}  // namespace millrace
