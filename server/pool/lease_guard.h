#pragma once

#include <functional>
#include <string>

#include "absl/time/time.h"
#include "server/pool/lease_state.h"
#include "server/pool/pool_config.h"
#include "server/pool/worker_slots.h"

namespace millrace {

// Does with running handlers what the pool was told for a lease that cannot be renewed, or that
// others have ended (contract E2): asks them to stop, lets them run on, or leaves the process.
// Owned by a run of the pool. Check is used from one thread, the deadline watch's; the rest is
// thread-safe.
class LeaseGuard {
 public:
  // Leaves the process, at once and without destroying anything; `why` is for people. What tests
  // give may return.
  using LeaveProcess = std::function<void(const std::string& why)>;

  // REQUIRES: `leave` is set if the setting is OnLostLease::kExit.
  LeaseGuard(OnLostLease on_lost_lease, const LeaseState& lease, WorkerSlots& slots,
             LeaveProcess leave)
      : on_lost_lease_(on_lost_lease), lease_(lease), slots_(slots), leave_(std::move(leave)) {}

  // Looks how far the lease has run down by the monotonic time `now`; returns when it wants to be
  // called again. After each renewal it must be called by lease.interrupt_at().
  absl::Duration Check(absl::Duration now);

  // The lease was ended by others.
  void OnEnded();

 private:
  void LeaveIfHandlersRun();

  // Constant after construction.
  const OnLostLease on_lost_lease_;
  const LeaseState& lease_;
  WorkerSlots& slots_;
  const LeaveProcess leave_;

  // Used by the thread of Check alone: of which lease it was said that handlers are asked to stop.
  absl::Duration told_of_ = -absl::InfiniteDuration();
};

}  // namespace millrace
