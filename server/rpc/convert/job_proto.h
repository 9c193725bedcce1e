#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "millrace/v1/job_queue.pb.h"
#include "millrace/v1/types.pb.h"
#include "server/model/attempt.h"
#include "server/model/job.h"
#include "server/model/job_spec.h"
#include "server/store/job_store.h"

namespace millrace {

// Jobs between our values and messages. What is decoded may still be out of its limits; only what
// our values cannot hold is refused here, as INVALID_ARGUMENT "<path>.<field>: ...".
absl::StatusOr<JobSpec> ToJobSpec(const v1::JobSpec& proto, const std::string& path);

// INVALID_ARGUMENT with the field for unknown states, bad names, or more than 10,000 of a kind.
absl::StatusOr<JobFilter> ToJobFilter(const v1::ListJobsRequest& proto);

v1::AddResult ToProto(AddResult result);
// These fill a message that was empty.
void SetJob(const JobDetails& details, v1::Job& proto);
void SetAttempt(const Attempt& attempt, v1::Attempt& proto);
// This one any message.
void SetPartialSuccess(const PartialSuccess& partial, v1::PartialSuccess& proto);

// The part of `spec` that a job has in common with it, for a job whose state is not known.
void SetJobFromSpec(JobId id, const JobSpec& spec, v1::Job& proto);

}  // namespace millrace
