#pragma once

#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace millrace {

// How long a job waits after an attempt that failed: exponential backoff with jitter (contract
// A10). A plain value.
struct RetryPolicy {
  absl::Duration base = absl::Seconds(1);
  double multiplier = 2.0;
  // Share of the delay that is added at random, 0 to 1.
  double jitter = 0.1;
  absl::Duration maximum = absl::Hours(24);

  // The delay after attempt number `attempt` (from 1) has failed: base x multiplier^attempt, held
  // within [base, maximum], plus a random share of up to jitter of it.
  absl::Duration DelayAfter(int attempt, absl::BitGenRef random) const;

  // Every fault of the values, joined by "; ", as INVALID_ARGUMENT: base and maximum positive,
  // base <= maximum, multiplier 1 to 1000, jitter 0 to 1.
  absl::Status Validate() const;
};

}  // namespace millrace
