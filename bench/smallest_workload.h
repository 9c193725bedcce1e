#pragma once

#include "absl/status/statusor.h"
#include "bench/bare_loop.h"
#include "bench/workload_options.h"

namespace millrace::bench {

// The bare loop on the smallest tables that could do the work: the ceiling. Makes and drops a
// schema of its own. INTERNAL if a job was not completed once; else errors as
// PostgresConnection::Run.
absl::StatusOr<LoopResult> RunSmallestWorkload(const WorkloadOptions& options);

}  // namespace millrace::bench
