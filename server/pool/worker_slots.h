#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/events/event_emitter.h"
#include "server/pool/pool_config.h"
#include "server/pool/worker_slot.h"

namespace millrace {

// The places of all workers of a run: what is asked of all of them at once, and the watch over
// their time limits. Owned by a run of the pool. Thread-safe.
class WorkerSlots {
 public:
  // `grace` is how long an attempt may take to end once it was asked to stop.
  WorkerSlots(int workers, absl::Duration grace, Clock& clock, StopNotifier& notifier,
              EventEmitter& events);

  // From now on there are at least so many, up to PoolConfig::kMaxConcurrency. Not called by two
  // threads at a time.
  void GrowTo(int workers);

  WorkerSlot& slot(int worker) { return *slots_[worker]; }

  // Asks every attempt that runs to stop; returns how many run.
  int RequestStopOfAll(StopReason reason);

  // Asks the attempt of this hold to stop, if it runs.
  void RequestStopOf(const Hold& hold, StopReason reason);

  // Asks attempts whose time is up to stop (job/timeout), and reports those that ignored such a
  // request for the grace time (worker/stuck). Returns the monotonic time at which it should be
  // called again.
  absl::Duration CheckTimes(absl::Duration now);

  // The second half of CheckTimes alone.
  void ReportStuck(absl::Duration now);

  int CountStuck() const;
  // Every attempt that runs.
  std::vector<JobEventData> ListRunning() const;

  // Handlers that run; counted by whoever calls them.
  std::atomic<int>& active() { return active_; }
  int CountActive() const { return active_.load(); }

 private:
  void EmitAndStopOverdue(absl::Duration now);
  // Those that there are.
  std::span<const std::unique_ptr<WorkerSlot>> All() const {
    return std::span(slots_).first(count_.load());
  }

  // Constant after construction.
  const absl::Duration grace_;
  Clock& clock_;
  StopNotifier& notifier_;
  EventEmitter& events_;

  // The first count_ are set, and stay.
  std::array<std::unique_ptr<WorkerSlot>, PoolConfig::kMaxConcurrency> slots_;
  std::atomic<int> count_{0};
  std::atomic<int> active_{0};
};

}  // namespace millrace
