#include "client/library/job_listing.h"

#include <utility>

namespace millrace::client {

JobListing::JobListing(JobQueueClient& queue, JobFilter filter, int page_size)
    : queue_(queue), filter_(std::move(filter)), page_size_(page_size) {}

absl::StatusOr<std::optional<JobDetails>> JobListing::Next() {
  // A page may be empty and still not be the last one.
  while (next_in_page_ == page_.jobs.size()) {
    if (begun_ && page_.next_page_token.empty()) return std::nullopt;
    absl::StatusOr<JobPage> page = queue_.ListJobs(filter_, page_size_, page_.next_page_token);
    if (!page.ok()) return page.status();
    page_ = *std::move(page);
    next_in_page_ = 0;
    begun_ = true;
  }
  return std::move(page_.jobs[next_in_page_++]);
}

}  // namespace millrace::client
