#include "server/model/job_admission.h"

namespace millrace {
namespace {

void Complete(JobSpec& spec, int default_max_attempts) {
  if (!spec.max_attempts.has_value()) spec.max_attempts = default_max_attempts;
}

}  // namespace

absl::Status JobAdmission::Admit(JobSpec& spec, const std::string& path) const {
  if (absl::Status valid = ValidateJobSpec(spec, limits, path); !valid.ok()) return valid;
  Complete(spec, default_max_attempts);
  return absl::OkStatus();
}

absl::Status JobAdmission::Admit(std::vector<JobSpec>& specs) const {
  if (absl::Status valid = ValidateJobSpecs(specs, limits); !valid.ok()) return valid;
  for (JobSpec& spec : specs) Complete(spec, default_max_attempts);
  return absl::OkStatus();
}

}  // namespace millrace
