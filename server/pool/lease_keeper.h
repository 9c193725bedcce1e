#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/pool/backoff.h"
#include "server/pool/error_reporter.h"
#include "server/pool/lease_state.h"
#include "server/pool/lost_pools.h"
#include "server/pool/pool_metrics.h"
#include "server/store/pool_store.h"

namespace millrace {

// Registers the pool, renews its lease, rescues the jobs of pools whose leases have ended
// (contract E2), and learns which jobs of the pool were cancelled. A pool whose own lease was ended
// registers anew. Owned by a run of the pool, which calls Run in a thread of its own. Thread-safe.
class LeaseKeeper {
 public:
  struct Parts {
    PoolStore& store;
    LeaseState& lease;
    LostPools& lost_pools;
    PoolMetrics& metrics;
    ErrorReporter& errors;
    Clock& clock;
    // The pool has registered.
    std::function<void()> on_registered;
    // The same, and each time that the lease was renewed.
    std::function<void()> on_renewed;
    // The lease was ended by others: the jobs held under it belong to others now.
    std::function<void()> on_lost;
    // Operators have cancelled these jobs, which this pool holds. Told again with each heartbeat
    // until they are held no more.
    std::function<void(const std::vector<Hold>&)> on_cancelled;
  };

  LeaseKeeper(WorkerRegistration registration, absl::Duration heartbeat_interval, Parts parts);

  // Returns after RequestStop.
  void Run();
  // `end_lease` says that nothing is held any more that must stay so: the lease is ended, if the
  // database answers at the first call.
  void RequestStop(bool end_lease);

  // Somebody has cancelled jobs that pools hold: look soon whether some of ours are among them.
  void NoteCancelled();

  // A call was refused because the lease of this worker was ended.
  void ReportEnded(WorkerNumber worker);

 private:
  // Each returns when it wants to be called again.
  absl::Duration Register();
  absl::Duration KeepLease(WorkerNumber worker);
  absl::Duration Heartbeat(WorkerNumber worker);
  absl::Duration Repeat(const char* operation, const absl::Status& status);
  void Renewed(WorkerNumber worker, absl::Duration sent);
  void ShowExpiry(absl::Time expires);
  void Lost(WorkerNumber worker);
  void WatchOthers(WorkerNumber own);
  // Whether a rescue must wait: for the heartbeat, without which this pool would be the next one
  // that is lost, or for what others want.
  bool IsCalledAway();
  bool TakeCancelWish();
  void LookForCancelled(WorkerNumber worker);
  void EndLease();
  void WaitUntil(absl::Duration at);
  bool IsWantedLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after construction.
  const WorkerRegistration registration_;
  const absl::Duration heartbeat_interval_;
  const Parts parts_;

  // Used by the keeper's thread alone.
  Backoff backoff_;
  absl::Duration next_heartbeat_;

  Mutex mutex_;
  CondVar changed_;
  // Guarded by mutex_.
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool end_lease_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<WorkerNumber> ended_ ABSL_GUARDED_BY(mutex_);
  bool cancel_wish_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace
