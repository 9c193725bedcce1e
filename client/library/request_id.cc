#include "client/library/request_id.h"

#include <cstdint>

#include "absl/random/random.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace millrace::client {

std::string NewRequestId() {
  // Seeded anew in each thread, from the machine's entropy.
  thread_local absl::BitGen random;
  return absl::StrFormat("%012x-%016x%04x", absl::ToUnixMillis(absl::Now()),
                         absl::Uniform<uint64_t>(random), absl::Uniform<uint16_t>(random));
}

}  // namespace millrace::client
