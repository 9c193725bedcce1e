#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace {

// Cuts a connection, so that a call on it ends at once as if it was lost. It has a descriptor of
// its own: should the connection be closed meanwhile, it reaches no other socket. Thread-safe.
class SocketCutter {
 public:
  // A socket that is none is never cut.
  explicit SocketCutter(int socket) : copy_(fcntl(socket, F_DUPFD_CLOEXEC, 0)) {}
  ~SocketCutter() {
    if (copy_ >= 0) close(copy_);
  }
  SocketCutter(const SocketCutter&) = delete;
  SocketCutter& operator=(const SocketCutter&) = delete;

  void Cut() const { shutdown(copy_, SHUT_RDWR); }

 private:
  const int copy_;
};

}  // namespace millrace
