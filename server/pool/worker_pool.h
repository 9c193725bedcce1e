#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace millrace {

struct StopReport {
  int finished = 0;
  int given_back = 0;
  int interrupted = 0;
  int still_running = 0;
};

struct PoolStats {
  bool running = false;
  int concurrency = 0;
  int active = 0;
  int buffered = 0;
  int stuck = 0;
  int64_t completed = 0;
  int64_t failed = 0;
  int64_t errors = 0;
  int64_t claimed = 0;
  int64_t given_back = 0;
  int64_t stale_returned = 0;
  int64_t interrupted = 0;
  std::optional<absl::Time> running_since;
};

// PUBLIC INTERFACE SKETCH: the pool's builder replaces this file, and keeps these calls.
class WorkerPool {
 public:
  absl::Status Start();                                              // FAILED_PRECONDITION "already running"
  absl::StatusOr<StopReport> Stop(std::optional<absl::Duration> timeout);  // FAILED_PRECONDITION "not running"
  absl::StatusOr<int> ForceStop();                                   // FAILED_PRECONDITION "not running"
  PoolStats Stats() const;
  bool running() const;
  const std::string& worker_id() const;
  const std::string& pool_name() const;
  void Wake();  // a job may have come: the claimer looks at once
};

}  // namespace millrace
