#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/model/attempt.h"
#include "server/model/job.h"
#include "server/model/job_ending.h"
#include "server/model/job_spec.h"
#include "server/store/call_limit.h"
#include "server/store/request_key.h"

namespace millrace {

struct JobFilter {
  // Empty means any, for each.
  std::vector<JobState> states;
  std::vector<std::string> task_identifiers;
  std::vector<std::string> queue_names;
};

struct JobPage {
  // Newest first, that is by falling id.
  std::vector<JobDetails> jobs;
  // Pass it as `before` for the next page; nothing on the last one. A page that is not the last may
  // hold fewer jobs than asked for, and none at all: the work of one call is bounded, whatever it
  // finds.
  std::optional<JobId> next_before;
};

// What callers that add jobs, look at them and end them ask of the database. Every call is one
// transaction and blocks its thread. Errors of every call as in PoolStore, and those of its
// limit: CANCELLED, with nothing written, and DEADLINE_EXCEEDED, with nothing written unless the
// database had just done it. A change that comes again under its request key is not made again, and
// has the first result, which is kept by the transaction of the change; INVALID_ARGUMENT
// "request_id: ..." if another change has had the id. Thread-safe.
class JobStore {
 public:
  virtual ~JobStore() = default;

  // Adds jobs that ValidateJobSpecs has accepted: all or none; one result for each, in order.
  // INVALID_ARGUMENT for what only the database can tell, such as a number beyond jsonb's range.
  // UNAVAILABLE, with nothing written, also if another transaction is adding the first job of a
  // task, of a set of flags or of a serial queue that these jobs have.
  virtual absl::StatusOr<std::vector<AddedJob>> AddJobs(const std::vector<JobSpec>& specs,
                                                        const RequestKey& request,
                                                        const CallLimit& call) = 0;
  absl::StatusOr<std::vector<AddedJob>> AddJobs(const std::vector<JobSpec>& specs,
                                                const CallLimit& call = CallLimit()) {
    return AddJobs(specs, RequestKey(), call);
  }

  // NOT_FOUND if no job has this id.
  virtual absl::StatusOr<JobDetails> GetJob(JobId id, const CallLimit& call) = 0;
  absl::StatusOr<JobDetails> GetJob(JobId id) { return GetJob(id, CallLimit()); }

  // Attempts that ended, newest first. Empty for a job that does not exist.
  virtual absl::StatusOr<std::vector<Attempt>> ListAttempts(JobId id, int limit,
                                                            const CallLimit& call) = 0;
  absl::StatusOr<std::vector<Attempt>> ListAttempts(JobId id, int limit) {
    return ListAttempts(id, limit, CallLimit());
  }

  // Jobs that match, with ids below `before` if given, at most `limit` (1 to 1000).
  virtual absl::StatusOr<JobPage> ListJobs(const JobFilter& filter, std::optional<JobId> before,
                                           int limit, const CallLimit& call) = 0;
  absl::StatusOr<JobPage> ListJobs(const JobFilter& filter, std::optional<JobId> before,
                                   int limit) {
    return ListJobs(filter, before, limit, CallLimit());
  }

  // Ends jobs, each of which must be named once; one result for each, in order. `reason` goes to
  // their history.
  virtual absl::StatusOr<std::vector<EndResult>> EndJobs(const std::vector<JobId>& ids,
                                                         JobEnding ending,
                                                         const std::string& reason,
                                                         const RequestKey& request,
                                                         const CallLimit& call) = 0;
  absl::StatusOr<std::vector<EndResult>> EndJobs(const std::vector<JobId>& ids, JobEnding ending,
                                                 const std::string& reason) {
    return EndJobs(ids, ending, reason, RequestKey(), CallLimit());
  }

  // Makes jobs available, with their attempt uncounted, that stopped pools have left locked without
  // having begun them (PoolStore::NoteKept) and that were claimed longer than `lock_timeout` ago.
  // Returns how many.
  virtual absl::StatusOr<int> ResetOverdueJobs(absl::Duration lock_timeout,
                                               const RequestKey& request,
                                               const CallLimit& call) = 0;
  absl::StatusOr<int> ResetOverdueJobs(absl::Duration lock_timeout) {
    return ResetOverdueJobs(lock_timeout, RequestKey(), CallLimit());
  }

  // Ok if the database answers and takes changes; UNAVAILABLE if it is read-only.
  virtual absl::Status Ping() = 0;
};

}  // namespace millrace
