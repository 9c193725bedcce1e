#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "millrace/v1/worker_pool.pb.h"
#include "server/pool/pool_change.h"
#include "server/pool/pool_stats.h"
#include "server/store/fleet_store.h"

namespace millrace {

// Between what is known of pools and the messages of WorkerPool.

// Nothing for an unset one. INVALID_ARGUMENT "timeout: ..." unless it is 0 to 24 h.
absl::StatusOr<std::optional<absl::Duration>> ToStopTimeout(const v1::StopRequest& request);
PoolChange ToPoolChange(const v1::UpdatePoolRequest& request);

v1::StopResponse ToProto(const StopReport& report);
// But for worker id and pool name.
v1::StatsResponse ToProto(const PoolStats& stats);
v1::ListedPool ToProto(const ListedPool& pool);

}  // namespace millrace
