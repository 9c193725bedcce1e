#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"

namespace millrace::client {

// How a program talks to a server. A plain value.
struct ClientOptions {
  // host:port, [IPv6 address]:port or unix:/path. Without a port, 50051.
  std::string address = "127.0.0.1:50051";
  // How long each call may take, its retries included. Positive.
  absl::Duration deadline = absl::Seconds(30);
  // The same for a stop. Unset means its timeout and the deadline above, or half a minute if that
  // is more; for a stop without a timeout, as long as the server takes. Positive.
  std::optional<absl::Duration> stop_deadline;
  // How often a call that only reads is tried while the server answers UNAVAILABLE or cannot be
  // reached: 1 to 5.
  int read_attempts = 3;
  // The same for calls that change jobs, and those that change pools named by worker id, or all.
  // Each has a request id, under which it is done once however often it comes, and whichever server
  // it reaches. Calls that change the pool of the server that is reached are tried once, since the
  // next try might reach another server.
  int change_attempts = 3;
};

}  // namespace millrace::client
