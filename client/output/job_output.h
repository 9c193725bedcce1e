#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/library/job_records.h"
#include "client/output/json_object.h"
#include "client/output/table.h"

namespace millrace::cli {

// For programs: members are named as the fields of millrace.v1; payload, metadata, results and
// result are JSON values and not texts; what is not set is null or an empty string.
JsonObject JobJson(const JobDetails& details);
JsonObject AttemptJson(const Attempt& attempt);
JsonObject PartialSuccessJson(const PartialSuccess& partial);
JsonObject ProgressJson(const JobProgress& progress);

// For people: "42.5% importing (1200 rows)".
std::string ProgressText(const JobProgress& progress);

// For people: one row per job. Times are ages alone where the screen is narrow.
Table MakeJobTable(size_t screen_width, bool colored);
void AddJobRow(const JobDetails& details, absl::Time now, Table& table);

// For people: all that is known of a job, then its attempts.
void WriteJob(const client::JobWithAttempts& job, absl::Time now, size_t screen_width, bool colored,
              std::ostream& out);

}  // namespace millrace::cli
