#include "server/pool/pool_metrics.h"

namespace millrace {
namespace {

Gauge& SlotsGauge(MetricsRegistry& registry, const char* state) {
  return registry.GetGauge("millrace_worker_slots", "Workers of the pool, by state.",
                           {{"state", state}});
}

}  // namespace

PoolMetrics::PoolMetrics(MetricsRegistry& registry)
    : claimed(registry.GetCounter("millrace_jobs_claimed_total", "Jobs claimed.", {})),
      rescued_lost(registry.GetCounter("millrace_jobs_rescued_total",
                                       "Jobs freed from a pool that was lost, by reason.",
                                       {{"reason", "lost"}})),
      idle_slots(SlotsGauge(registry, "idle")),
      busy_slots(SlotsGauge(registry, "busy")),
      stuck_slots(SlotsGauge(registry, "stuck")),
      queue_depth(registry.GetGauge("millrace_local_queue_depth",
                                    "Jobs that the pool holds and has not begun.", {})),
      claim_loop_tick(
          registry.GetGauge("millrace_claim_loop_last_tick_timestamp_seconds",
                            "When a claim was last answered, or had no room, or the pool was "
                            "started; 0 while it is stopped.",
                            {})),
      lease_expires(
          registry.GetGauge("millrace_lease_expires_timestamp_seconds",
                            "When the pool's lease ends unless it is renewed; when the pool was "
                            "started until it has one; 0 while it is stopped and holds nothing.",
                            {})) {}

}  // namespace millrace
