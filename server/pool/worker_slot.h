#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/model/job_event.h"
#include "server/pool/stop_notifier.h"
#include "server/store/pool_store.h"
#include "tasks/api/task_context.h"

namespace millrace {

// One worker's place: the attempt that it runs at the moment, if any, and whether that was asked to
// stop. The worker begins and ends attempts; others look at them, and ask them to stop. Owned by
// WorkerSlots. Thread-safe.
class WorkerSlot {
 public:
  // What is looked at from outside.
  struct View {
    // Tells attempts of this slot apart.
    uint64_t serial = 0;
    // Job, attempt, and how long it has run.
    JobEventData job;
  };

  // Stop tokens of the handlers are fired by `notifier`.
  WorkerSlot(Clock& clock, StopNotifier& notifier) : clock_(clock), notifier_(notifier) {}

  // For the worker. `job` stays until End; `deadline` is monotonic and may be infinite.
  void Begin(const ClaimedJob& job, absl::Duration started, absl::Duration deadline);
  // Sets the start and the deadline of the attempt anew.
  void Restart(absl::Duration started, absl::Duration deadline);
  // Why the attempt was asked to stop, if it was.
  StopReason End();

  // For the handler that runs.
  std::stop_token stop_token() const;
  StopReason stop_reason() const;
  absl::Duration deadline() const;
  // False, at once, if it is or was asked to stop.
  bool WaitFor(absl::Duration duration);

  // For others. True if an attempt runs, even if it was asked before.
  bool RequestStop(StopReason reason);
  // The same for this attempt only.
  bool RequestStopOf(uint64_t serial, StopReason reason);
  // The same for the attempt of this hold, if it runs here.
  bool RequestStopOf(const Hold& hold, StopReason reason);
  // The attempt, if its deadline has come and it was not asked to stop.
  std::optional<View> OverDeadline(absl::Duration now) const;
  // The attempt, once, if it was asked to stop `grace` ago or longer.
  std::optional<View> TakeStuck(absl::Duration now, absl::Duration grace);
  std::optional<View> Look(absl::Duration now) const;
  // Whether TakeStuck has returned the attempt that runs.
  bool stuck() const;
  // When one of the two above could first have something to say.
  absl::Duration NextLook(absl::Duration grace) const;

 private:
  View ViewLocked(absl::Duration now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock& clock_;
  StopNotifier& notifier_;

  mutable Mutex mutex_;
  CondVar asked_;
  // Guarded by mutex_.
  // The job of the attempt that runs; nothing if none does.
  const ClaimedJob* job_ ABSL_GUARDED_BY(mutex_) = nullptr;
  uint64_t serial_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration started_ ABSL_GUARDED_BY(mutex_);
  absl::Duration deadline_ ABSL_GUARDED_BY(mutex_);
  std::stop_source source_ ABSL_GUARDED_BY(mutex_){std::nostopstate};
  StopReason reason_ ABSL_GUARDED_BY(mutex_) = StopReason::kNone;
  absl::Duration asked_at_ ABSL_GUARDED_BY(mutex_);
  bool stuck_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace
