#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/model/job_spec.h"

namespace millrace {

// The rules by which a server takes jobs that are to be added, whether they come over gRPC or from
// a handler. A plain value.
struct JobAdmission {
  JobLimits limits;
  // Of jobs that bring no number of attempts of their own.
  int default_max_attempts = JobLimits::kDefaultMaxAttempts;

  // Ok, and what the job leaves to the server is filled in; or INVALID_ARGUMENT as ValidateJobSpec
  // has it.
  absl::Status Admit(JobSpec& spec, const std::string& path) const;
  // The same for all of a call, as ValidateJobSpecs has it.
  absl::Status Admit(std::vector<JobSpec>& specs) const;
};

}  // namespace millrace
