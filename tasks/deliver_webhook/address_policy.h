#pragma once

#include <sys/socket.h>

namespace millrace {

// Whether the address belongs to a host of the public internet: IPv4 and IPv6, without loopback,
// private, link-local (where clouds keep their metadata services), shared, multicast, documentation
// and otherwise reserved networks, also where an IPv6 address only carries an IPv4 one. Anything
// else than these two families is not public. Thread-safe.
bool IsPublicAddress(const sockaddr& address);

}  // namespace millrace
