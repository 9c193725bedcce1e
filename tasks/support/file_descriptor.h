#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace {

// Owns a file descriptor and closes it; -1 is none. Thread-compatible.
class FileDescriptor {
 public:
  explicit FileDescriptor(int descriptor = -1) : descriptor_(descriptor) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }

  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

// The status for errno: "<what> <path>: No such file or directory". NOT_FOUND, PERMISSION_DENIED,
// RESOURCE_EXHAUSTED (disk or descriptors) or UNKNOWN.
absl::Status FileError(const std::string& what, const std::string& path);

// Opens a regular file for reading. Errors as FileError; FAILED_PRECONDITION if it is a folder, a
// pipe or a device, which could block for ever.
absl::StatusOr<FileDescriptor> OpenRegularFile(const std::string& path);

}  // namespace millrace
