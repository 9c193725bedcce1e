#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "server/model/job_spec.h"

namespace millrace::cli {

// A job from one line of JSON: an object whose members are named as the fields of
// millrace.v1.JobSpec, such as
//   {"task_identifier": "send_email", "payload": {"to": "a@example.com"}, "run_at":
//   "2026-03-01T12:00:00Z"}
// payload and metadata are objects and are passed on byte for byte; a string that holds an object
// will do too. INVALID_ARGUMENT names the member that is wrong. The server checks the values.
absl::StatusOr<JobSpec> ParseJobSpecLine(std::string_view line);

}  // namespace millrace::cli
