#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "bench/figures.h"
#include "bench/pickup_workload.h"

namespace millrace::bench {

// The least that a pickup by NOTIFY can take: a row is added to the smallest table that would do
// and announced, and whoever listens takes it by one statement on a second connection. The pipe is
// made in `socket_dir`. Errors as RunPickupWorkload.
absl::StatusOr<Figures> RunBarePickupWorkload(const PickupOptions& options,
                                              const std::string& socket_dir);

}  // namespace millrace::bench
