#pragma once

#include <stop_token>
#include <vector>

#include "absl/status/statusor.h"
#include "server/model/job_admission.h"
#include "server/model/job_spec.h"

namespace millrace {

// Takes jobs by the rules of a real server, and keeps them. Part of a fake context. Used from one
// thread: the handler's, and then the test's.
class FakeAddedJobs {
 public:
  explicit FakeAddedJobs(JobId first_id = 1001) : first_id_(first_id) {}

  // CANCELLED once `stop` has fired.
  absl::StatusOr<AddedJob> Add(JobSpec spec, const std::stop_token& stop);
  absl::StatusOr<std::vector<AddedJob>> Add(std::vector<JobSpec> specs,
                                            const std::stop_token& stop);

  const std::vector<JobSpec>& specs() const { return specs_; }

 private:
  AddedJob Keep(JobSpec spec);

  const JobId first_id_;
  const JobAdmission admission_;
  std::vector<JobSpec> specs_;
};

}  // namespace millrace
