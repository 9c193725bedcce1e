#include "server/pool/lost_pools.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "server/base/logging.h"

namespace millrace {
namespace {

// A rescue may leave jobs that another transaction is working on, so it is repeated until it has
// found nothing this many times.
constexpr int kRescuesWithoutJobs = 3;

}  // namespace

void LostPools::Watch(std::optional<WorkerNumber> own, const std::function<bool()>& called_away) {
  const absl::Duration sent = parts_.clock.Monotonic();
  const absl::StatusOr<std::vector<WorkerLease>> leases = parts_.store.ListLeases();
  if (!leases.ok()) {
    parts_.errors.Report("watch leases", leases.status());
    Forget();
    return;
  }
  for (const WorkerNumber worker :
       observer_.Observe(*leases, own, sent, parts_.clock.Monotonic())) {
    const bool known =
        std::any_of(rescuing_.begin(), rescuing_.end(),
                    [worker](const LostWorker& lost) { return lost.worker == worker; });
    if (!known) rescuing_.push_back({worker, kRescuesWithoutJobs});
  }
  // Each in its turn, so that one whose rescue fails is in nobody's way.
  for (size_t calls = rescuing_.size(); calls > 0; --calls) {
    LostWorker next = rescuing_.front();
    rescuing_.pop_front();
    Rescue(next);
    if (next.calls_left > 0) rescuing_.push_back(next);
    if (called_away()) return;
  }
}

void LostPools::Rescue(LostWorker& lost) {
  absl::StatusOr<std::vector<RescuedJob>> jobs = parts_.store.Rescue(lost.worker);
  if (!jobs.ok()) return parts_.errors.Report("rescue jobs", jobs.status());
  lost.calls_left = jobs->empty() ? lost.calls_left - 1 : kRescuesWithoutJobs;
  if (!jobs->empty()) Announce(*std::move(jobs));
}

void LostPools::Announce(std::vector<RescuedJob> jobs) {
  spdlog::warn("pool: rescued {} jobs of a pool that was lost", jobs.size());
  PoolCounts counts;
  std::vector<Event> events;
  for (RescuedJob& rescued : jobs) {
    JobEventData data;
    data.job_id = rescued.job.id;
    data.task_identifier = std::move(rescued.job.task_identifier);
    data.attempt = rescued.job.attempt;
    data.max_attempts = rescued.job.max_attempts;
    data.queue_name = std::move(rescued.job.queue_name);
    data.flags = std::move(rescued.job.flags);
    data.error = "worker lost";
    events.push_back({.type = EventType::kJobRescued, .data = data});
    data.error = std::move(rescued.reason);
    if (rescued.state == JobState::kExhausted) {
      if (rescued.counted) ++counts.failed;
      events.push_back({.type = EventType::kJobExhausted, .data = std::move(data)});
    } else if (rescued.state == JobState::kCancelled) {
      events.push_back({.type = EventType::kJobCancelled, .data = std::move(data)});
    }
  }
  parts_.counters.Add(counts);
  parts_.metrics.rescued_lost.Increment(static_cast<double>(jobs.size()));
  parts_.events.Emit(std::move(events));
  parts_.on_rescued();
}

}  // namespace millrace
