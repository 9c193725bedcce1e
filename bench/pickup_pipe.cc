#include "bench/pickup_pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "bench/bench_tasks.h"
#include "server/base/clock.h"

namespace millrace::bench {
namespace {

constexpr int kLongestWaitMs = 10'000;

}  // namespace

PickupPipe::PickupPipe(const std::string& folder)
    : path_(absl::StrCat(folder, "/bench-", getpid(), ".pipe")) {
  mkfifo(path_.c_str(), 0600);
  fd_ = open(path_.c_str(), O_RDWR | O_CLOEXEC);
  setenv(kPickupPipeVariable, path_.c_str(), 1);
}

PickupPipe::~PickupPipe() {
  if (fd_ >= 0) close(fd_);
  unlink(path_.c_str());
}

absl::StatusOr<absl::Duration> PickupPipe::Read() const {
  pollfd waiting{fd_, POLLIN, 0};
  if (poll(&waiting, 1, kLongestWaitMs) != 1) return absl::InternalError("a job did not come");
  int64_t nanoseconds = 0;
  if (read(fd_, &nanoseconds, sizeof nanoseconds) != sizeof nanoseconds)
    return absl::InternalError("cannot read the pipe of the handlers");
  return absl::Nanoseconds(nanoseconds);
}

bool ReportPickup(int fd) {
  const int64_t now = absl::ToInt64Nanoseconds(SystemClock().Monotonic());
  return write(fd, &now, sizeof now) == sizeof now;
}

}  // namespace millrace::bench
