#include "tasks/support/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "tasks/support/file_descriptor.h"

namespace millrace {
namespace {

constexpr mode_t kFileMode = 0644;

absl::Status WriteAll(int descriptor, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError("cannot write", path);
    content.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

// Without this a power failure could undo the rename of a job that is recorded as done.
absl::Status SyncFolder(const std::string& folder) {
  const FileDescriptor descriptor(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some network file systems cannot sync a folder, and say EINVAL.
  if (descriptor.get() < 0 || (fsync(descriptor.get()) != 0 && errno != EINVAL)) {
    return FileError("cannot sync the folder", folder);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteFileAtomically(const std::string& path, std::string_view content) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  std::string temporary = folder + "/.millrace-XXXXXX";
  const FileDescriptor descriptor(mkostemp(temporary.data(), O_CLOEXEC));
  if (descriptor.get() < 0) return FileError("cannot create a file in the folder", folder);
  absl::Status status = WriteAll(descriptor.get(), content, path);
  if (status.ok() && fchmod(descriptor.get(), kFileMode) != 0) {
    status = FileError("cannot set the mode of", path);
  }
  if (status.ok() && fsync(descriptor.get()) != 0) status = FileError("cannot sync", path);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = FileError("cannot put in place", path);
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  return SyncFolder(folder);
}

}  // namespace millrace
