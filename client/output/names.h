#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/output/style.h"
#include "server/model/attempt.h"
#include "server/model/job.h"
#include "server/model/job_ending.h"
#include "server/model/job_spec.h"

namespace millrace::cli {

// The words for values on the command line and in the output: those of the protocol in small
// letters, without their prefix.
std::string_view Name(JobState state);
std::string_view Name(AttemptOutcome outcome);
std::string_view Name(AddResult result);
std::string_view Name(JobEnding ending, EndResult result);
std::string_view Name(JobKeyMode mode);

// Nothing if there is none of that name.
std::optional<JobState> ParseJobState(std::string_view name);
std::optional<JobKeyMode> ParseJobKeyMode(std::string_view name);

std::vector<std::string> JobStateNames();
std::vector<std::string> JobKeyModeNames();

Style StyleOf(JobState state);
Style StyleOf(AttemptOutcome outcome);
// Of a type such as "job/failed".
Style StyleOfEvent(std::string_view type);

}  // namespace millrace::cli
