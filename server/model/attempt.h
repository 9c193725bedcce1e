#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "server/model/job.h"
#include "server/model/partial_success.h"

namespace millrace {

// How one attempt ended, as history keeps it.
enum class AttemptOutcome {
  kCompleted,
  kFailed,
  kPartialSuccess,
  kSnoozed,
  kCancelled,
  kInterrupted,
  kLost,
};

// One attempt that ended. A plain value.
struct Attempt {
  int attempt = 0;
  AttemptOutcome outcome = AttemptOutcome::kCompleted;
  // The pool that ran it.
  std::string worker_id;
  absl::Time finished_at;
  absl::Duration execution_time;
  // From the moment the job was due to the start of the handler.
  absl::Duration queue_time;
  std::string error_message;
  std::string error_detail;
  // JSON text; empty if the handler gave none.
  std::string result;
  std::optional<PartialSuccess> partial_success;
};

// What a pool asks the store to record of an attempt. A plain value.
struct AttemptReport {
  // The claim that holds the job: the fence.
  ClaimId claim_id = 0;
  JobId job_id = 0;
  int attempt = 0;
  AttemptOutcome outcome = AttemptOutcome::kCompleted;
  // Failed or partial success with no attempt left: the job is exhausted instead of retried.
  bool exhausted = false;
  // For outcomes after which the job waits again (failed, partial success, snoozed): how long,
  // counted from the recording on the database's clock. Not negative.
  absl::Duration delay;
  absl::Duration execution_time;
  absl::Duration queue_time;
  std::string error_message;
  std::string error_detail;
  // JSON text; empty for none.
  std::string result;
  std::optional<PartialSuccess> partial_success;
  // The job has no key, no serial queue, no progress and nothing remembered of earlier attempts, so
  // that its completion takes the short way.
  bool plain = false;
};

}  // namespace millrace
