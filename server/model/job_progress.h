#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace millrace {

// The limits of what a handler says of its progress. A message that is longer is cut off.
struct ProgressLimits {
  static constexpr size_t kMessageBytes = 1024;
  static constexpr size_t kCounters = 32;
  static constexpr size_t kCounterNameBytes = 64;
};

// How far a handler is, in its own words. A plain value.
struct JobProgress {
  // 0 to 100.
  double percent = 0;
  // For people; may be empty.
  std::string message;
  // What the handler counts, such as rows or bytes, by name.
  std::map<std::string, int64_t> counters;

  bool operator==(const JobProgress&) const = default;
};

// What was said last, and when, by the database's clock. A plain value.
struct ReportedProgress {
  JobProgress progress;
  absl::Time reported_at;
};

// Ok, or INVALID_ARGUMENT such as "percent: must be 0 to 100, got 120". Of the message nothing is
// refused.
absl::Status ValidateProgress(const JobProgress& progress);

}  // namespace millrace
