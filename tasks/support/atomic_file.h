#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace millrace {

// Puts `content` into the file at `path` so that whoever opens it finds the old file or the whole
// new one: it is written to a temporary file beside it (".millrace-" and six random characters),
// made durable, and renamed. After a failure the temporary file is gone and the old file is as it
// was.
//
// Errors: NOT_FOUND if the folder is missing, PERMISSION_DENIED, RESOURCE_EXHAUSTED if the disk is
// full, UNKNOWN for the rest; the message names the path. Thread-safe.
absl::Status WriteFileAtomically(const std::string& path, std::string_view content);

}  // namespace millrace
