#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/base/mutex.h"
#include "server/store/pool_store.h"

namespace millrace {

// What all attackers together know to be true, apart from the tables: who runs what at this moment,
// and who is dead. Thread-safe.
class AttackWorld {
 public:
  struct DeadWorker {
    WorkerNumber worker;
    std::vector<ClaimedJob> held;
  };

  // These were claimed: a violation if another runs one of them, or one of the same serial queue.
  void BeginRunning(const std::vector<ClaimedJob>& jobs);
  // These end, before anybody is told so. Nothing for those that run under another claim by now.
  void EndRunning(const std::vector<ClaimedJob>& jobs);

  // The worker forgets all that it holds, without a word.
  void Die(WorkerNumber worker, std::vector<ClaimedJob> held);
  // Some dead worker, to be rescued; what it held runs no more. Nothing if all live.
  std::optional<DeadWorker> TakeDead(uint64_t random);

  void AddViolation(const std::string& violation);
  std::vector<std::string> violations() const;
  bool violated() const;

  void Count(const std::string& what, int64_t times = 1);
  std::string Summary() const;

 private:
  mutable Mutex mutex_;
  std::map<JobId, ClaimId> running_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, JobId> running_queues_ ABSL_GUARDED_BY(mutex_);
  std::vector<DeadWorker> dead_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> violations_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int64_t> counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
