#include "tasks/support/file_descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace millrace {

FileDescriptor::~FileDescriptor() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::Status FileError(const std::string& what, const std::string& path) {
  const int error = errno;
  const std::string message = what + " " + path + ": " + std::generic_category().message(error);
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::UnknownError(message);
  }
}

absl::StatusOr<FileDescriptor> OpenRegularFile(const std::string& path) {
  // Not blocking, so that opening a pipe that nobody writes to returns.
  FileDescriptor descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor.get() < 0) return FileError("cannot open", path);
  struct stat about{};
  if (fstat(descriptor.get(), &about) != 0) return FileError("cannot look at", path);
  if (!S_ISREG(about.st_mode)) {
    return absl::FailedPreconditionError("cannot read " + path + ": it is not a regular file");
  }
  return descriptor;
}

}  // namespace millrace
