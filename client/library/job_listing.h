#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/library/job_queue_client.h"
#include "client/library/job_records.h"

namespace millrace::client {

// Walks over the jobs that match a filter, newest first, and fetches page after page as needed:
//
//   JobListing listing(queue, filter);
//   for (auto job = listing.Next(); job.ok() && job->has_value(); job = listing.Next()) { ... }
//
// Owned by its user; the client outlives it. After an error, Next tries the same page again. Used
// from one thread: that of its user.
class JobListing {
 public:
  JobListing(JobQueueClient& queue, JobFilter filter, int page_size = 100);

  // The next job, or nothing after the last. Errors as JobQueueClient::ListJobs.
  absl::StatusOr<std::optional<JobDetails>> Next();

 private:
  // Constant after construction.
  JobQueueClient& queue_;
  const JobFilter filter_;
  const int page_size_;

  JobPage page_;
  size_t next_in_page_ = 0;
  bool begun_ = false;
};

}  // namespace millrace::client
