#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/app/unique_fd.h"

namespace millrace {

// An exclusive lock on a file, which ends with the last process that has inherited its descriptor.
// Thread-compatible.
class FileLock {
 public:
  FileLock() = default;

  // Takes the lock without waiting; makes the file if there is none, and never removes it. ABORTED
  // if somebody else holds it; otherwise the code and the words of the system's error.
  static absl::StatusOr<FileLock> TryAcquire(const std::string& path);

  // Replaces what the file says.
  absl::Status Write(const std::string& text);

  int fd() const { return fd_.get(); }

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace millrace
