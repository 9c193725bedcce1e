#pragma once

#include <sys/types.h>

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace millrace::bench {

// One connection's part of a bare loop: claims a batch and completes it, again and again. Used from
// one thread.
class LoopWorker {
 public:
  virtual ~LoopWorker() = default;

  // Returns how many jobs it was, 0 when there are none left. Errors as PostgresConnection::Run.
  virtual absl::StatusOr<int> ClaimAndComplete() = 0;

  // The process of the database that serves this connection.
  virtual pid_t backend() const = 0;
};

struct LoopResult {
  int64_t jobs = 0;
  absl::Duration elapsed;
  // Of the workers' backends alone.
  absl::Duration backend_cpu;
  // Of the whole cluster.
  absl::Duration cluster_cpu;
  // Of this process.
  absl::Duration client_cpu;
  // Mean time per job in the second and the last tenth of the batches: the same, unless the drain
  // becomes slower as it goes on.
  absl::Duration early_time_per_job;
  absl::Duration late_time_per_job;
};

// Lets the workers run at the same time, each in a thread of its own, until no job is left. The
// first error ends it.
absl::StatusOr<LoopResult> RunBareLoop(const std::vector<std::unique_ptr<LoopWorker>>& workers);

}  // namespace millrace::bench
