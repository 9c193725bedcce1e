#pragma once

#include <string>

#include "absl/status/status.h"
#include "spdlog/spdlog.h"

namespace millrace {

// Sets up the process's logger: to standard error, one line per record, in UTC. `level` is one of
// trace, debug, info, warn, error, off; `format` is text or json. INVALID_ARGUMENT names a bad
// value. Call it once, early in main; before that, and in tests, spdlog's default logger is used.
// Log with spdlog::info("did {} to {}", what, whom).
absl::Status SetUpLogging(const std::string& level, const std::string& format);

}  // namespace millrace
