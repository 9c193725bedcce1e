#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace millrace {

// What a Stop did. A plain value.
struct StopReport {
  // Attempts that ended between the call and its return, without being asked to.
  int finished = 0;
  // Buffered jobs that were given back.
  int given_back = 0;
  // Handlers that ended because they were asked to.
  int interrupted = 0;
  // Handlers that have not ended.
  int still_running = 0;
};

// The state and the counters of a pool at one moment; counters go on over Stop and Start. A plain
// value.
struct PoolStats {
  bool running = false;
  // A stop has begun and not ended; the pool still counts as running.
  bool stopping = false;
  int concurrency = 0;
  // What it takes: only these tasks (empty means all that are registered), and none of these flags.
  std::vector<std::string> task_identifiers;
  std::vector<std::string> forbidden_flags;
  // Workers that execute a task.
  int active = 0;
  int buffered = 0;
  // Handlers that were asked to stop, have not done so for the grace time, and still run.
  int stuck = 0;
  int64_t completed = 0;
  int64_t failed = 0;
  int64_t errors = 0;
  int64_t claimed = 0;
  int64_t given_back = 0;
  int64_t stale_returned = 0;
  int64_t interrupted = 0;
  // When it was last started.
  std::optional<absl::Time> running_since;
  // When a claim was last answered, or there was no room for what it would bring; nothing before
  // the first time since the last Start. Comes at least every poll interval while all is well.
  std::optional<absl::Time> last_claim_tick;
};

}  // namespace millrace
