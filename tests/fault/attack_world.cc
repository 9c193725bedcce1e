#include "tests/fault/attack_world.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace millrace {

void AttackWorld::BeginRunning(const std::vector<ClaimedJob>& jobs) {
  MutexLock lock(mutex_);
  for (const ClaimedJob& claimed : jobs) {
    if (!running_.emplace(claimed.job.id, claimed.claim_id).second) {
      violations_.push_back(
          absl::StrCat("job ", claimed.job.id, " was claimed while another holds it"));
    }
    if (claimed.job.queue_name.empty()) continue;
    const auto [running, fresh] = running_queues_.emplace(claimed.job.queue_name, claimed.job.id);
    if (!fresh) {
      violations_.push_back(absl::StrCat("jobs ", running->second, " and ", claimed.job.id,
                                         " of the serial queue ", claimed.job.queue_name,
                                         " run at once"));
    }
  }
}

void AttackWorld::EndRunning(const std::vector<ClaimedJob>& jobs) {
  MutexLock lock(mutex_);
  for (const ClaimedJob& claimed : jobs) {
    const auto running = running_.find(claimed.job.id);
    if (running == running_.end() || running->second != claimed.claim_id) continue;
    running_queues_.erase(claimed.job.queue_name);
    running_.erase(running);
  }
}

void AttackWorld::Die(WorkerNumber worker, std::vector<ClaimedJob> held) {
  MutexLock lock(mutex_);
  dead_.push_back({worker, std::move(held)});
  ++counts_["deaths"];
}

std::optional<AttackWorld::DeadWorker> AttackWorld::TakeDead(uint64_t random) {
  std::optional<DeadWorker> dead;
  {
    MutexLock lock(mutex_);
    if (dead_.empty()) return std::nullopt;
    const auto chosen = dead_.begin() + static_cast<ptrdiff_t>(random % dead_.size());
    dead = std::move(*chosen);
    dead_.erase(chosen);
  }
  EndRunning(dead->held);
  return dead;
}

void AttackWorld::AddViolation(const std::string& violation) {
  MutexLock lock(mutex_);
  violations_.push_back(violation);
}

std::vector<std::string> AttackWorld::violations() const {
  MutexLock lock(mutex_);
  return violations_;
}

bool AttackWorld::violated() const {
  MutexLock lock(mutex_);
  return !violations_.empty();
}

void AttackWorld::Count(const std::string& what, int64_t times) {
  MutexLock lock(mutex_);
  counts_[what] += times;
}

std::string AttackWorld::Summary() const {
  MutexLock lock(mutex_);
  std::string summary;
  for (const auto& [what, times] : counts_)
    absl::StrAppend(&summary, summary.empty() ? "" : ", ", what, " ", times);
  return summary;
}

}  // namespace millrace
