#pragma once

#include <string>

#include "absl/time/time.h"

namespace millrace::cli {

// For people: UTC and how long ago, such as "2026-03-01 12:00:05Z (3m ago)" or "... (in 2h)".
std::string TimeWithAge(absl::Time time, absl::Time now);

// For people: "3m ago" or "in 2h".
std::string Age(absl::Time time, absl::Time now);

// For people, in UTC: "2026-03-01 12:00:05Z", or with milliseconds and without the date.
std::string TimeText(absl::Time time);
std::string ClockText(absl::Time time);

// For people: 950 us, 12.3 ms, 4.25 s, 3m 05s, 2h 10m, 5d 3h.
std::string DurationText(absl::Duration duration);

// For programs: RFC 3339 in UTC, with as many digits as it takes.
std::string Rfc3339(absl::Time time);

// For programs: seconds as an exact decimal number, such as 0.0125.
std::string SecondsNumber(absl::Duration duration);

}  // namespace millrace::cli
