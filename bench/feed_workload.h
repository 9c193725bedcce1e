#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "bench/figures.h"

namespace millrace::bench {

struct FeedOptions {
  // A folder for the socket; its path must be short.
  std::string socket_dir = "/tmp";
  int64_t events = 2'000'000;
  // Of the many, each of which reads a share of the events, a tenth.
  int subscribers = 100;
};

// How many events a second the feed brings (P12), from a buffer that holds them all: to one
// subscriber that counts them, to one that uses the client library, and to each of many that count.
// Events are not made or emitted meanwhile. INTERNAL if one does not get them all.
absl::StatusOr<Figures> RunFeedWorkload(const FeedOptions& options);

}  // namespace millrace::bench
