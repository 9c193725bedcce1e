#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/library/connection.h"
#include "client/library/job_records.h"
#include "server/model/job_ending.h"

namespace millrace::client {

// Adds jobs, looks at them and ends them.
//
// Errors of every call: INVALID_ARGUMENT with the path of the field that is wrong, UNAVAILABLE if
// the server or its database cannot be reached, DEADLINE_EXCEEDED if the options' deadline passed.
// A call that changes something is made again while it is UNAVAILABLE, and has its effect once;
// after either error it may have had it all the same (a job key makes it safe to add again). Made
// from a connection that outlives it. Thread-safe.
class JobQueueClient {
 public:
  explicit JobQueueClient(const Connection& connection);
  ~JobQueueClient();

  // The job is durable when this returns.
  absl::StatusOr<AddedJobDetails> AddJob(const JobSpec& spec);

  // Up to 10,000 jobs in one transaction: all or none. One result for each, in order. A server may
  // refuse a call that is larger than a few MiB with RESOURCE_EXHAUSTED.
  absl::StatusOr<std::vector<AddedJob>> AddJobs(const std::vector<JobSpec>& specs);

  // NOT_FOUND if no job has this id.
  absl::StatusOr<JobWithAttempts> GetJob(JobId id);

  // Waits until the job has ended, on whichever server it runs, or after `timeout` (infinite:
  // never) returns it as it stands. Tries again for so long while the server, or its database,
  // cannot be reached; JobWait says more, and can be cancelled. NOT_FOUND if no job has this id.
  absl::StatusOr<WaitedJob> WaitJob(JobId id, absl::Duration timeout);

  // Up to `page_size` (1 to 1000) jobs that match, newest first. `page_token` is that of the page
  // before, or empty for the first. JobListing walks over all pages, also over those without jobs.
  absl::StatusOr<JobPage> ListJobs(const JobFilter& filter, int page_size,
                                   const std::string& page_token);

  // Cancels up to 10,000 jobs; one result for each, in order. An empty reason means "cancelled by
  // an operator".
  absl::StatusOr<std::vector<EndResult>> CancelJobs(const std::vector<JobId>& ids,
                                                    const std::string& reason);

  // Fails up to 10,000 jobs for good: they are exhausted. One result for each, in order. An empty
  // reason means "failed by an operator".
  absl::StatusOr<std::vector<EndResult>> PermanentlyFailJobs(const std::vector<JobId>& ids,
                                                             const std::string& reason);

  // Makes jobs available that stopped pools have left locked for longer than the server's lock
  // timeout. Returns how many.
  absl::StatusOr<int> ResetOverdueJobs();

 private:
  // Holds the generated stub, which stays out of this header.
  struct Wire;

  // Calls one of the two methods that end jobs.
  template <typename Request, typename Response, typename Method>
  absl::StatusOr<std::vector<EndResult>> EndJobs(Method method, const std::vector<JobId>& ids,
                                                 const std::string& reason);

  // Constant after construction.
  const Connection& connection_;
  const absl::Duration deadline_;
  const int change_attempts_;
  const std::unique_ptr<Wire> wire_;
};

}  // namespace millrace::client
