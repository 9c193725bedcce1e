#include "server/app/wake_fd.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <cstdint>
#include <cstdlib>

namespace millrace {

WakeFd::WakeFd() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  // Without descriptors left, nothing of this process can work.
  if (!fd_.ok()) std::abort();
}

void WakeFd::Set() {
  const uint64_t one = 1;
  // It fails only where the counter is full, and then it is readable anyhow.
  if (write(fd_.get(), &one, sizeof(one)) < 0) return;
}

bool WakeFd::IsSet() const {
  pollfd waited{fd_.get(), POLLIN, 0};
  return poll(&waited, 1, 0) > 0;
}

}  // namespace millrace
