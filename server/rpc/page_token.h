#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "server/model/job.h"
#include "server/store/job_store.h"

namespace millrace {

// Tokens of ListJobs: where the next page begins, bound to the filter that they were made for. They
// mean nothing to callers, and hold across servers and restarts.
std::string MakePageToken(JobId before, const JobFilter& filter);

// INVALID_ARGUMENT "page_token: ..." for anything that MakePageToken did not make for this filter.
absl::StatusOr<JobId> ParsePageToken(const std::string& token, const JobFilter& filter);

}  // namespace millrace
