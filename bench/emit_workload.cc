#include "bench/emit_workload.h"

#include <algorithm>
#include <ctime>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "bench/bench_tasks.h"
#include "server/base/clock.h"
#include "server/events/event_emitter.h"
#include "server/metrics/prometheus/prometheus_metrics_registry.h"

namespace millrace::bench {
namespace {

constexpr int kBlock = 256;

// CPU time of this thread, to the nanosecond: others on the machine do not count.
absl::Duration ThreadCpu() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return absl::DurationFromTimespec(now);
}

// Nanoseconds for each event. What is emitted is made beforehand, some at a time.
double EmitCost(EventEmitter& emitter, int64_t events, int to_a_block) {
  absl::Duration spent;
  int64_t emitted = 0;
  while (emitted < events) {
    std::vector<std::vector<Event>> blocks(std::max(1, 10'000 / to_a_block));
    for (auto& block : blocks) {
      block = CompletedJobs(emitted, to_a_block);
      emitted += to_a_block;
    }
    const absl::Duration began = ThreadCpu();
    for (auto& block : blocks) emitter.Emit(std::move(block));
    spent += ThreadCpu() - began;
  }
  return absl::ToDoubleNanoseconds(spent) / static_cast<double>(emitted);
}

}  // namespace

std::vector<Event> CompletedJobs(int64_t first_id, int count) {
  std::vector<Event> events(count);
  for (int i = 0; i < count; ++i) {
    const int64_t id = first_id + i;
    events[i].type = EventType::kJobCompleted;
    events[i].data = JobEventData{.job_id = id,
                                  .task_identifier = DrainTask(0),
                                  .attempt = 1,
                                  .max_attempts = 25,
                                  .duration = absl::Nanoseconds(300 + id % 700),
                                  .queue_time = absl::Seconds(3) + absl::Microseconds(4 * id)};
  }
  return events;
}

Figures RunEmitWorkload(int64_t events) {
  SystemClock clock;
  PrometheusMetricsRegistry metrics;
  EventEmitter emitter("bench", clock, metrics, {});
  const double in_blocks = EmitCost(emitter, events, kBlock);
  const double single = EmitCost(emitter, std::max<int64_t>(1, events / 10), 1);
  return {"emit",
          {{"events", static_cast<double>(events)},
           {"in_blocks_ns", in_blocks},
           {"single_ns", single}}};
}

}  // namespace millrace::bench
