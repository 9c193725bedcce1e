#pragma once

#include "server/metrics/metrics.h"

namespace millrace {

// The metrics of a pool that belong to no task. Owned by the pool. Thread-safe.
struct PoolMetrics {
  explicit PoolMetrics(MetricsRegistry& registry);

  Counter& claimed;
  Counter& rescued_lost;
  Gauge& idle_slots;
  Gauge& busy_slots;
  Gauge& stuck_slots;
  Gauge& queue_depth;
  // Unix times; 0 while there is no claim loop, and no lease to keep.
  Gauge& claim_loop_tick;
  Gauge& lease_expires;
};

}  // namespace millrace
