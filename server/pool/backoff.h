#pragma once

#include <algorithm>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace millrace {

// Whether the database may take the same later: it was away, busy, or too slow.
inline bool IsTransient(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsAborted(status) || absl::IsDeadlineExceeded(status);
}

// How long to wait before the next try of something that fails: doubles from 50 ms up to 2 s, short
// enough that work resumes soon after the database is back. Used from one thread.
class Backoff {
 public:
  absl::Duration Next() {
    const absl::Duration delay = next_;
    next_ = std::min(next_ * 2, kLongest);
    return delay;
  }
  void Reset() { next_ = kShortest; }

 private:
  static constexpr absl::Duration kShortest = absl::Milliseconds(50);
  static constexpr absl::Duration kLongest = absl::Seconds(2);

  absl::Duration next_ = kShortest;
};

}  // namespace millrace
