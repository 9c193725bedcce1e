#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/model/job_progress.h"

namespace millrace {

// Positive, below 2^53; later jobs have larger ids.
using JobId = int64_t;

// One pool's hold on jobs: a number that never repeats.
using ClaimId = int64_t;

// Where a job stands; it is in exactly one state at any moment.
enum class JobState {
  kReady,
  kScheduled,
  kQueuedBehind,
  kHeld,
  kExhausted,
  kCompleted,
  kCancelled
};

// One unit of work. A plain value.
struct Job {
  JobId id = 0;
  std::string task_identifier;
  // A JSON object as text.
  std::string payload = "{}";
  // Lower runs first.
  int priority = 0;
  // Attempts counted so far, from 1 in a handler.
  int attempt = 0;
  int max_attempts = 25;
  // The serial queue; empty for none.
  std::string queue_name;
  // When it is due; for a retried job the time of the retry. Database clock.
  absl::Time run_at;
  absl::Time created_at;
  std::vector<std::string> flags;
  // Empty for none, as the two below.
  std::string job_key;
  std::string correlation_id;
  // A JSON object as text.
  std::string metadata;
};

// A job as operators look at it. A plain value.
struct JobDetails {
  Job job;
  JobState state = JobState::kReady;
  // When it ended: completed, cancelled or exhausted.
  std::optional<absl::Time> finished_at;
  // The error of the last attempt that failed; empty for none.
  std::string last_error;
  // The worker id of the pool that holds it; empty unless it is held.
  std::string worker_id;
  // Why an operator has cancelled it; empty unless it is held and was cancelled since.
  std::string cancel_reason;
  // Why an operator has failed it for good; empty unless it is held and was failed since.
  std::string fail_reason;
  // What its handler last said of its progress; nothing unless it is held, and before it said any.
  std::optional<ReportedProgress> progress;
};

}  // namespace millrace
