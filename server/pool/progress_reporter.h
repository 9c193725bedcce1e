#pragma once

#include <map>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/events/event_emitter.h"
#include "server/model/job_event.h"
#include "server/pool/backoff.h"
#include "server/pool/error_reporter.h"
#include "server/store/pool_store.h"

namespace millrace {

// Writes what handlers say of their progress to the database, and emits it (job/progress) once it
// is there. Of each attempt only what was said last is written, of all attempts together and every
// 250 ms at most. What the database cannot take now is tried again, unless something newer has come
// or the attempt has ended; what it refuses is dropped. So no more is kept than attempts run. Owned
// by a run of the pool, which calls Run in a thread of its own. Thread-safe.
class ProgressReporter {
 public:
  ProgressReporter(PoolStore& store, EventEmitter& events, ErrorReporter& errors, Clock& clock)
      : store_(store), events_(events), errors_(errors), clock_(clock) {}

  // Returns after RequestStop.
  void Run();
  void RequestStop();

  // `event` is of this attempt, and has its progress. Never waits for the database.
  void Report(const Hold& hold, JobEventData event);
  // The attempt has ended: nothing is emitted of it any more. To be called before its outcome is
  // handed on. Waits at most for what is being emitted at this moment.
  void Forget(const Hold& hold);

 private:
  using HoldKey = std::pair<ClaimId, JobId>;
  using Waiting = std::map<HoldKey, JobEventData>;

  static HoldKey KeyOf(const Hold& hold) { return {hold.claim_id, hold.job_id}; }
  // Waits until there is something and its time has come; empty at the stop.
  Waiting TakeWaiting();
  void Write(const Waiting& batch);
  // Emits those of the batch that were written and whose attempts have not ended.
  void EmitWritten(const Waiting& batch, const std::vector<bool>& written);
  // Keeps those of them of which nothing newer has come.
  void PutBack();

  // Constant after construction.
  PoolStore& store_;
  EventEmitter& events_;
  ErrorReporter& errors_;
  Clock& clock_;

  // Used by the thread of Run alone: the monotonic time of the next write, at the earliest.
  absl::Duration next_write_;
  Backoff backoff_;

  Mutex mutex_;
  CondVar changed_;
  // Guarded by mutex_.
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  Waiting waiting_ ABSL_GUARDED_BY(mutex_);
  // What is being written, less the attempts that have ended since.
  Waiting in_hand_ ABSL_GUARDED_BY(mutex_);
  bool emitting_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace
