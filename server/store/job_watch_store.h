#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "server/model/attempt.h"
#include "server/model/job.h"
#include "server/store/call_limit.h"

namespace millrace {

// A job as one who waits for its end sees it. A plain value.
struct WatchedJob {
  JobDetails details;
  // The latest attempt that ended; nothing if there is none.
  std::optional<Attempt> last_attempt;
  // Where another job took its key, so that it ended: the one that has the key now. 0 otherwise,
  // also if that has ended as well.
  JobId successor = 0;

  // An exhausted job counts, although an operator may make it run again.
  bool has_ended() const {
    return details.state == JobState::kCompleted || details.state == JobState::kCancelled ||
           details.state == JobState::kExhausted;
  }
};

// What those who wait for the ends of jobs ask of the database. Every call is one transaction that
// only reads, and blocks its thread. Errors of every call as in JobStore. Thread-safe.
class JobWatchStore {
 public:
  virtual ~JobWatchStore() = default;

  // Those of the jobs that have ended or do not exist, in any order. Looks at a few rows for each,
  // however many jobs there are.
  virtual absl::StatusOr<std::vector<JobId>> FindEnded(const std::vector<JobId>& ids,
                                                       const CallLimit& call) = 0;

  // The jobs as they stand, in any order, without those that do not exist. Each may be some MiB
  // large.
  virtual absl::StatusOr<std::vector<WatchedJob>> Look(const std::vector<JobId>& ids,
                                                       const CallLimit& call) = 0;
};

}  // namespace millrace
