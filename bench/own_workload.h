#pragma once

#include "absl/status/statusor.h"
#include "bench/bare_loop.h"
#include "bench/workload_options.h"

namespace millrace::bench {

// The bare loop with the project's own claim and completion statements, and nothing else of it: no
// objects for jobs, no handlers, no events. Makes and drops a schema of its own. INTERNAL if a job
// was not completed once; else errors as PostgresDatabase::Run.
absl::StatusOr<LoopResult> RunOwnWorkload(const WorkloadOptions& options);

}  // namespace millrace::bench
