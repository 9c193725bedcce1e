#include "server/app/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace millrace {

absl::StatusOr<FileLock> FileLock::TryAcquire(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.ok()) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return absl::AbortedError(absl::StrCat(path, " is locked"));
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot lock ", path));
  }
  return FileLock(std::move(fd));
}

absl::Status FileLock::Write(const std::string& text) {
  if (ftruncate(fd_.get(), 0) != 0 ||
      pwrite(fd_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return absl::ErrnoToStatus(errno, "cannot write a lock file");
  }
  return absl::OkStatus();
}

}  // namespace millrace
