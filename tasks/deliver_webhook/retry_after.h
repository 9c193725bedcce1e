#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"

namespace millrace {

// What the value of a Retry-After header asks for, counted from `now`: a number of seconds, or a
// date in one of the three forms of HTTP. Not negative. Nothing if it is neither. Thread-safe.
std::optional<absl::Duration> ParseRetryAfter(const std::string& value, absl::Time now);

}  // namespace millrace
