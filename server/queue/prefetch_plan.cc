#include "server/queue/prefetch_plan.h"

#include <algorithm>

namespace millrace {
namespace {

// The share of the newest measurement in the averages.
constexpr double kNewest = 0.5;

double Average(double old, double newest, bool first) {
  return first ? newest : old + (newest - old) * kNewest;
}

}  // namespace

int PrefetchTarget(int free_workers, int ahead, int capacity) {
  return std::min(free_workers + ahead, std::max(free_workers, capacity));
}

void PrefetchPlan::NoteClaim(absl::Duration took, int64_t jobs_begun, bool ran_dry,
                             absl::Duration now) {
  ran_dry_ = ran_dry;
  claim_seconds_ = Average(claim_seconds_, absl::ToDoubleSeconds(took), !measured_);
  if (!measured_) {
    measured_ = true;
    last_at_ = now;
    last_begun_ = jobs_begun;
    return;
  }
  const double seconds = absl::ToDoubleSeconds(now - last_at_);
  if (seconds <= 0) return;
  rate_ = Average(rate_, static_cast<double>(jobs_begun - last_begun_) / seconds, false);
  last_at_ = now;
  last_begun_ = jobs_begun;
}

void PrefetchPlan::NoteStale() {
  rate_ = 0;
  ran_dry_ = false;
}

int PrefetchPlan::Ahead() const {
  return static_cast<int>(std::min<double>(capacity_, rate_ * claim_seconds_ * (ran_dry_ ? 4 : 2)));
}

int PrefetchPlan::Wanted(int free_workers, int buffered) const {
  return std::max(0, PrefetchTarget(free_workers, Ahead(), capacity_) - buffered);
}

}  // namespace millrace
