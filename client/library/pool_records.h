#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace millrace::client {

// A pool that was started. A plain value.
struct StartedPool {
  std::string worker_id;
  // Worker threads.
  int concurrency = 0;
};

// What became of a pool's jobs when it stopped. A plain value.
struct StopReport {
  // Attempts that ended by themselves while it stopped.
  int finished = 0;
  // Buffered jobs that were given back.
  int given_back = 0;
  // Handlers that ended because they were asked to.
  int interrupted = 0;
  // Handlers that still run.
  int still_running = 0;
};

// A consistent snapshot of a pool. A plain value.
struct PoolStats {
  std::string worker_id;
  std::string pool_name;
  bool running = false;
  int concurrency = 0;
  // Workers that execute a task at this moment.
  int active = 0;
  // Jobs in the local queue.
  int buffered = 0;
  int64_t completed = 0;
  int64_t failed = 0;
  // Infrastructure errors outside of handlers.
  int64_t errors = 0;
  int64_t claimed = 0;
  int64_t given_back = 0;
  // Of those, the ones that waited too long.
  int64_t stale_returned = 0;
  int64_t interrupted = 0;
  // Handlers that ignored the request to stop and still run.
  int stuck = 0;
  // When it was last started; nothing if never.
  std::optional<absl::Time> running_since;
};

}  // namespace millrace::client
