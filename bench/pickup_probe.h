#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "bench/figures.h"
#include "bench/pickup_pipe.h"
#include "server/store/postgres/postgres_connection.h"

namespace millrace::bench {

// The first jobs of MeasurePickups find plans and caches cold and do not count.
inline constexpr int kPickupWarmUpJobs = 20;

// Adds single jobs by the statement `add`, whose one parameter is a payload, with pauses in which
// everything becomes idle; returns the figures of how long each took to its report.
absl::StatusOr<Figures> MeasurePickups(const std::string& workload, PostgresConnection& connection,
                                       const std::string& add, int jobs, const PickupPipe& pipe);

}  // namespace millrace::bench
