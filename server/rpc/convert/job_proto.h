#pragma once

#include <cstdint>
#include <string>
#include <vector>

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

// INVALID_ARGUMENT with the field for a number that no job can have.
absl::StatusOr<JobId> ToJobId(int64_t proto, const std::string& field);
// The same for each of several, and for none, an id that comes twice, or more than 10,000.
absl::StatusOr<std::vector<JobId>> ToJobIds(const google::protobuf::RepeatedField<int64_t>& protos,
                                            const std::string& field);

v1::AddResult ToProto(AddResult result);
v1::CancelResult ToCancelResult(EndResult result);
v1::FailResult ToFailResult(EndResult result);
// These fill a message that was empty.
void SetJob(const JobDetails& details, v1::Job& proto);
void SetAttempt(const Attempt& attempt, v1::Attempt& proto);
// These any message.
void SetPartialSuccess(const PartialSuccess& partial, v1::PartialSuccess& proto);
void SetProgress(const JobProgress& progress, v1::JobProgress& proto);

// The part of `spec` that a job has in common with it, for a job whose state is not known.
void SetJobFromSpec(JobId id, const JobSpec& spec, v1::Job& proto);

}  // namespace millrace
