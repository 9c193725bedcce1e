#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "bench/bench_server.h"
#include "bench/figures.h"

namespace millrace::bench {

struct PickupOptions {
  std::string database_url;
  int jobs = 300;
};

// How soon an idle server begins a single job that another process adds by SQL (P4): from before
// the call of add_job, on a connection of its own, to the start of the handler. Makes and drops a
// schema of its own. INTERNAL if a job does not come; else errors as PostgresDatabase::Run and the
// client.
absl::StatusOr<Figures> RunPickupWorkload(const PickupOptions& options,
                                          const ServerSettings& settings);

}  // namespace millrace::bench
