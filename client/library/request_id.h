#pragma once

#include <string>

namespace millrace::client {

// A request_id that no other request has: rising with the time, so that the database keeps those of
// one time together, then random.
std::string NewRequestId();

}  // namespace millrace::client
