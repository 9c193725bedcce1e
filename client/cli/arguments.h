#pragma once

#include <istream>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace millrace::cli {

// A duration such as 30s, 1m30s, 500ms, 2h, 7d or 30 (seconds); not negative. INVALID_ARGUMENT says
// how to write one.
absl::StatusOr<absl::Duration> ParseDuration(const std::string& text);

// A moment: RFC 3339 such as 2026-03-01T12:00:00Z, or + and a duration after `now`, such as +10m.
// INVALID_ARGUMENT says how to write one.
absl::StatusOr<absl::Time> ParseTime(const std::string& text, absl::Time now);

// The text itself, or all of the file for @file, or all of `in` for -. INVALID_ARGUMENT if it
// cannot be read, is larger than `max_bytes` or is not UTF-8.
absl::StatusOr<std::string> ReadText(const std::string& argument, std::istream& in,
                                     size_t max_bytes);

}  // namespace millrace::cli
