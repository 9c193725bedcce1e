#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/model/retry_policy.h"

namespace millrace {

// What becomes of running handlers when the pool cannot renew its lease (contract E2).
enum class OnLostLease {
  // They are asked to stop before the lease can end.
  kInterrupt,
  // They run on: an outage of the database interrupts nobody, but a server that alone was cut off
  // may overlap with the run of the pool that rescued its jobs.
  kContinue,
  // As kInterrupt; and if some run all the same when the lease ends, the process is left, so that
  // no handler of this pool overlaps with the next run of its job.
  kExit,
};

// The settings of a worker pool, with the defaults of contract A2. A plain value.
struct PoolConfig {
  static constexpr int kMaxConcurrency = 1024;
  // Of task_identifiers and forbidden_flags, where they are changed while the pool lives.
  static constexpr size_t kMaxNames = 1000;

  // Worker threads, that is jobs that run at the same time.
  int concurrency = 10;
  absl::Duration poll_interval = absl::Seconds(2);
  // Jobs that the local queue holds at most (free workers are served beyond it).
  int queue_size = 50;
  // A job that waits longer in the local queue is given back.
  absl::Duration queue_ttl = absl::Seconds(60);
  // How long Stop lets running handlers go on.
  absl::Duration graceful_shutdown_timeout = absl::Seconds(30);
  // How long a handler may take to end once it was asked to, before it counts as stuck. Stop waits
  // as long for it, and as long again for the database to take the last outcomes.
  absl::Duration stop_grace = absl::Seconds(5);
  // The time limit of an attempt whose task brings none of its own; zero means none.
  absl::Duration max_job_execution_time = absl::Seconds(300);
  // Only jobs of these tasks; empty means every registered task.
  std::vector<std::string> task_identifiers;
  // Jobs with any of these flags are left alone.
  std::vector<std::string> forbidden_flags;
  // Also claims jobs that no handler is registered for, and exhausts them.
  bool claim_unknown_tasks = false;
  // Stop leaves jobs that have not begun locked, instead of giving them back.
  bool keep_undispatched_locked = false;
  absl::Duration lease_ttl = absl::Seconds(15);
  absl::Duration heartbeat_interval = absl::Seconds(3);
  OnLostLease on_lost_lease = OnLostLease::kInterrupt;
  // The backoff of tasks that bring none of their own.
  RetryPolicy retry;
  // Beyond this many, an interruption counts as a failure.
  int max_interruptions = 100;

  // Every fault of the values, joined by "; ", as INVALID_ARGUMENT. Names them as the server's
  // options.
  absl::Status Validate() const;
};

}  // namespace millrace
