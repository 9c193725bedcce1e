#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "bench/bench_server.h"
#include "bench/feed_watcher.h"
#include "bench/figures.h"
#include "bench/workload_options.h"

namespace millrace::bench {

// A drain by the real server with handlers that do nothing, from the Start call to the record of
// the last outcome (P1), with its CPU (P3) and memory (P10), while somebody follows its events or
// nobody does (P12). Makes and drops a schema of its own. INTERNAL if a job was not completed once,
// or one who reads did not get an event of it; else errors as PostgresDatabase::Run and the client.
absl::StatusOr<Figures> RunServerWorkload(const std::string& workload,
                                          const WorkloadOptions& options,
                                          const ServerSettings& settings, Watching watching);

}  // namespace millrace::bench
