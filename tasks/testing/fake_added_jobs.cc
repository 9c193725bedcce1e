#include "tasks/testing/fake_added_jobs.h"

#include <utility>

namespace millrace {
namespace {

absl::Status CheckStop(const std::stop_token& stop) {
  if (!stop.stop_requested()) return absl::OkStatus();
  return absl::CancelledError("the handler was asked to stop");
}

}  // namespace

absl::StatusOr<AddedJob> FakeAddedJobs::Add(JobSpec spec, const std::stop_token& stop) {
  if (absl::Status valid = admission_.Admit(spec, "job"); !valid.ok()) return valid;
  if (absl::Status wanted = CheckStop(stop); !wanted.ok()) return wanted;
  return Keep(std::move(spec));
}

absl::StatusOr<std::vector<AddedJob>> FakeAddedJobs::Add(std::vector<JobSpec> specs,
                                                         const std::stop_token& stop) {
  if (absl::Status valid = admission_.Admit(specs); !valid.ok()) return valid;
  if (absl::Status wanted = CheckStop(stop); !wanted.ok()) return wanted;
  std::vector<AddedJob> added;
  for (JobSpec& spec : specs) added.push_back(Keep(std::move(spec)));
  return added;
}

AddedJob FakeAddedJobs::Keep(JobSpec spec) {
  specs_.push_back(std::move(spec));
  return {first_id_ + static_cast<JobId>(specs_.size()) - 1, AddResult::kCreated};
}

}  // namespace millrace
