#include "server/pool/attempt_transaction.h"

namespace millrace {

absl::StatusOr<AddedJob> AttemptTransaction::AddJob(JobSpec spec) {
  if (absl::Status valid = admission_.Admit(spec, "job"); !valid.ok()) return valid;
  const absl::StatusOr<std::vector<AddedJob>> added = Add({std::move(spec)});
  if (!added.ok()) return added.status();
  return added->front();
}

absl::StatusOr<std::vector<AddedJob>> AttemptTransaction::AddJobs(std::vector<JobSpec> specs) {
  if (absl::Status valid = admission_.Admit(specs); !valid.ok()) return valid;
  return Add(specs);
}

absl::StatusOr<std::vector<AddedJob>> AttemptTransaction::Add(const std::vector<JobSpec>& specs) {
  absl::StatusOr<std::vector<AddedJob>> added = transaction_->AddJobs(specs);
  if (added.ok()) has_added_due_jobs_ = has_added_due_jobs_ || HasDueJob(specs, *added);
  return added;
}

}  // namespace millrace
