#pragma once

#include "absl/status/statusor.h"
#include "bench/bench_server.h"
#include "bench/figures.h"
#include "bench/workload_options.h"

namespace millrace::bench {

// A drain by the real server with handlers that do nothing, from the Start call to the record of
// the last outcome (P1), with its CPU (P3) and memory (P10). Makes and drops a schema of its own.
// INTERNAL if a job was not completed once; else errors as PostgresDatabase::Run and the client.
absl::StatusOr<Figures> RunServerWorkload(const WorkloadOptions& options,
                                          const ServerSettings& settings);

}  // namespace millrace::bench
