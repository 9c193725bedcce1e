#include "server/rpc/listen_address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

constexpr char kUnixScheme[] = "unix:";

struct HostAndPort {
  std::string host;
  std::string port;
};

// A socket that is closed at the end of the scope.
class ScopedSocket {
 public:
  ScopedSocket(int family, int type) : fd_(socket(family, type | SOCK_CLOEXEC, 0)) {}
  ~ScopedSocket() {
    if (fd_ >= 0) close(fd_);
  }
  ScopedSocket(const ScopedSocket&) = delete;
  ScopedSocket& operator=(const ScopedSocket&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

std::string Reason(int error, const std::string& option) {
  switch (error) {
    case EADDRINUSE:
      return absl::StrCat("address already in use; choose another with ", option);
    case EACCES:
      return "permission denied; choose a port from 1024 on or a folder that this user may write";
    case EADDRNOTAVAIL:
      return "this machine has no such address";
    default:
      return std::strerror(error);
  }
}

absl::Status CannotListenFor(const std::string& address, int error, const std::string& option) {
  const std::string line = absl::StrCat("cannot listen on ", address, ": ", Reason(error, option));
  if (error == EADDRINUSE) return absl::UnavailableError(line);
  return absl::FailedPreconditionError(line);
}

// Nothing if it is no address.
std::optional<HostAndPort> Split(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  HostAndPort split{address.substr(0, colon), address.substr(colon + 1)};
  int port = 0;
  if (!absl::SimpleAtoi(split.port, &port) || port < 0 || port > 65535) return std::nullopt;
  if (split.host.front() == '[') {
    if (split.host.back() != ']') return std::nullopt;
    split.host = split.host.substr(1, split.host.size() - 2);
  } else if (split.host.find(':') != std::string::npos) {
    return std::nullopt;
  }
  return split;
}

// 0, or the error.
int TryBind(const addrinfo& info) {
  const ScopedSocket probe(info.ai_family, info.ai_socktype);
  if (probe.fd() < 0) return errno;
  const int on = 1;
  // As gRPC does, so that connections of a server that has just ended are no hindrance.
  setsockopt(probe.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (info.ai_family == AF_INET6) {
    setsockopt(probe.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  }
  return bind(probe.fd(), info.ai_addr, info.ai_addrlen) == 0 ? 0 : errno;
}

// REQUIRES: CheckAddressForm(address).ok().
absl::Status CheckTcp(const std::string& address, const std::string& option) {
  const std::optional<HostAndPort> split = Split(address);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failure = getaddrinfo(split->host.c_str(), split->port.c_str(), &hints, &found);
  if (failure != 0) return CannotListen(address, gai_strerror(failure));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, &freeaddrinfo);
  // A name may stand for several addresses: one that works is enough, but none may be taken.
  int first_error = 0;
  bool some = false;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    const int error = TryBind(*info);
    if (error == EADDRINUSE) return CannotListenFor(address, error, option);
    if (error == 0) some = true;
    if (error != 0 && first_error == 0) first_error = error;
  }
  return some ? absl::OkStatus() : CannotListenFor(address, first_error, option);
}

std::string UnixPath(const std::string& address) {
  std::string path = address.substr(std::strlen(kUnixScheme));
  // unix:///path is the same as unix:/path.
  return path.rfind("///", 0) == 0 ? path.substr(2) : path;
}

// Whether some process answers on the socket, so that it is not a leftover.
bool IsAnswered(const sockaddr_un& name) {
  const ScopedSocket probe(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
  if (connect(probe.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0) return true;
  // A line of callers that is full has somebody who serves it.
  return errno == EAGAIN;
}

// REQUIRES: CheckAddressForm(address).ok().
absl::Status CheckUnix(const std::string& address, const std::string& option) {
  const std::string path = UnixPath(address);
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  struct stat there;
  if (lstat(path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode)) return CannotListen(address, "there is a file of that name");
    if (IsAnswered(name)) return CannotListenFor(address, EADDRINUSE, option);
  }
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const std::string folder = parent.empty() ? "." : parent;
  if (access(folder.c_str(), W_OK | X_OK) != 0) {
    const int error = errno;
    if (error == ENOENT) return CannotListen(address, "the folder does not exist; create it");
    return CannotListenFor(address, error, option);
  }
  return absl::OkStatus();
}

}  // namespace

bool IsUnixAddress(const std::string& address) { return address.rfind(kUnixScheme, 0) == 0; }

absl::Status CheckAddressForm(const std::string& address) {
  if (IsUnixAddress(address)) {
    const size_t size = UnixPath(address).size();
    constexpr size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
    if (size > kLongest) {
      return absl::InvalidArgumentError(absl::StrCat("\"", address, "\" has a path of ", size,
                                                     " bytes, and the system takes at most ",
                                                     kLongest));
    }
    if (size > 0) return absl::OkStatus();
  } else if (Split(address).has_value()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", address, "\" is not an address; give host:port, [IPv6]:port or unix:/path"));
}

absl::Status CheckListenAddress(const std::string& address, const std::string& option) {
  if (absl::Status form = CheckAddressForm(address); !form.ok()) return form;
  return IsUnixAddress(address) ? CheckUnix(address, option) : CheckTcp(address, option);
}

std::string WithPort(const std::string& address, int port) {
  if (IsUnixAddress(address)) return address;
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

absl::Status CannotListen(const std::string& address, const std::string& reason) {
  return absl::FailedPreconditionError(absl::StrCat("cannot listen on ", address, ": ", reason));
}

}  // namespace millrace
