#pragma once

#include <string>

#include "CLI/App.hpp"
#include "absl/status/status.h"
#include "client/cli/session.h"
#include "server/model/job_spec.h"

namespace millrace::cli {

// The job that a command line describes. A plain value.
struct JobOptions {
  JobSpec spec;
  std::string run_at;
  std::string key_mode;
};

// TASK, PAYLOAD and the options of a job; `options` lives as long as the command.
void AddJobOptions(CLI::App& command, JobOptions& options);

// The spec, with what stands in files and what depends on the time. INVALID_ARGUMENT for a file
// that cannot be read and a bad time.
absl::StatusOr<JobSpec> ReadJobSpec(const JobOptions& options, Session& session);

}  // namespace millrace::cli
