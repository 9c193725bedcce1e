#include "server/pool/lease_guard.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/logging.h"

namespace millrace {

absl::Duration LeaseGuard::Check(absl::Duration now) {
  const absl::Duration interrupt_at = lease_.interrupt_at();
  if (now < interrupt_at) return interrupt_at;
  if (on_lost_lease_ == OnLostLease::kContinue) return absl::InfiniteDuration();
  const int asked = slots_.RequestStopOfAll(StopReason::kPoolStops);
  if (std::exchange(told_of_, interrupt_at) != interrupt_at) {
    spdlog::error("pool: the lease could not be renewed; {} handlers are asked to stop", asked);
  }
  if (on_lost_lease_ != OnLostLease::kExit) return absl::InfiniteDuration();
  const absl::Duration ends_at = lease_.ends_at();
  if (now < ends_at) return ends_at;
  LeaveIfHandlersRun();
  return absl::InfiniteDuration();
}

void LeaseGuard::OnEnded() {
  if (on_lost_lease_ == OnLostLease::kContinue) return;
  slots_.RequestStopOfAll(StopReason::kPoolStops);
  // Others may be running their jobs by now.
  if (on_lost_lease_ == OnLostLease::kExit) LeaveIfHandlersRun();
}

void LeaseGuard::LeaveIfHandlersRun() {
  const std::vector<JobEventData> running = slots_.ListRunning();
  if (running.empty()) return;
  leave_(absl::StrCat("the lease has ended and ", running.size(), " handlers still run, such as ",
                      running.front().task_identifier, " of job ", running.front().job_id));
}

}  // namespace millrace
