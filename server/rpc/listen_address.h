#pragma once

#include <string>

#include "absl/status/status.h"

namespace millrace {

// Ok if `address` is of the form host:port, [IPv6]:port or unix:/path; else INVALID_ARGUMENT.
absl::Status CheckAddressForm(const std::string& address);

// Ok if a server can listen on `address`. Otherwise one line that says why not and how to mend it
// with `option`, which gRPC itself does not tell: INVALID_ARGUMENT for what is no address,
// UNAVAILABLE for one that another process has, FAILED_PRECONDITION for the rest. Binds it for a
// moment to find out; connects to a Unix socket.
absl::Status CheckListenAddress(const std::string& address, const std::string& option = "--listen");

// Whether it is one of a Unix socket.
bool IsUnixAddress(const std::string& address);

// `address` with the port that was chosen in place of 0.
std::string WithPort(const std::string& address, int port);

// What CheckListenAddress says of an address whose fault it cannot name.
absl::Status CannotListen(const std::string& address, const std::string& reason);

}  // namespace millrace
