#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/pool/backoff.h"
#include "server/pool/error_reporter.h"
#include "server/pool/finished_attempt.h"
#include "server/pool/outcome_announcer.h"
#include "server/queue/local_queue.h"
#include "server/store/pool_store.h"

namespace millrace {

// Tells the database what becomes of the jobs that a pool holds: outcomes of attempts, jobs that
// are given back or kept without having run, and that a last attempt starts. Its thread sends
// whatever has come while the last call was under way, so an idle pool records at once and a busy
// one in batches of hundreds. It repeats a call until the database has answered; the claim decides
// what holds. What the database refuses as a batch is tried one by one, so that nothing holds up
// the others: an outcome that is refused alone becomes a failure without content, a start that is
// refused is broken off, and what cannot be helped so is put aside and tried again from time to
// time. Owned by a run of the pool, which calls Run in a thread of its own. Thread-safe.
class OutcomeRecorder {
 public:
  enum class StartAnswer {
    kRecorded,
    // The claim does not hold the job any more.
    kRefused,
    // The attempt was asked to stop while it waited.
    kBrokenOff,
  };

  // `on_done` is called in the recorder's thread each time it has finished something.
  OutcomeRecorder(PoolStore& store, OutcomeAnnouncer& announcer, ErrorReporter& errors,
                  Clock& clock, std::function<void()> on_done);

  // Returns once it was told to finish and everything is done, or after Abandon.
  void Run();
  // Nothing is added any more, but for what the callers still have.
  void Finish();
  // Nothing is repeated any more: what the database does not take at the next try is given up.
  void Abandon();

  void Add(FinishedAttempt finished);
  // It needs no record: the handler's own transaction has recorded it, or found its claim lost.
  void AddSettled(FinishedAttempt finished, RecordVerdict verdict, absl::Time recorded_at);
  // Nobody knows whether the handler's own transaction has recorded that it has `completed`: finds
  // out, and records it `otherwise` if it has not.
  void AddInDoubt(FinishedAttempt completed, FinishedAttempt otherwise);
  // `stale` says that they waited in the local queue for too long.
  void GiveBack(ClaimedBatch jobs, bool stale);
  // Notes that these jobs, which have not begun, stay locked while the pool is stopped.
  void KeepLocked(const ClaimedBatch& jobs);
  // Waits until it is on record that the last attempt of this job starts, or `stop` fires.
  StartAnswer RecordStart(const Hold& hold, const std::stop_token& stop);

  // Attempts and jobs that are not recorded yet.
  size_t backlog() const;
  // What handlers have given of attempts that are not recorded yet: results and errors.
  size_t backlog_bytes() const { return backlog_bytes_.load(std::memory_order_relaxed); }
  // Those that were given up.
  size_t given_up() const;

 private:
  // Reports under one registration, and what belongs to each.
  struct Batch {
    WorkerNumber worker = 0;
    std::vector<AttemptReport> reports;
    std::vector<AttemptNotice> notices;
    // Was put aside.
    bool refused = false;
  };
  struct Returned {
    ClaimedBatch batch;
    bool stale = false;
    // Was put aside.
    bool refused = false;
  };
  struct Start {
    Hold hold;
    bool answered = false;
    bool broken_off = false;
    bool recorded = false;
  };
  struct Settled {
    FinishedAttempt finished;
    RecordVerdict verdict;
    absl::Time recorded_at;
  };
  struct Doubt {
    FinishedAttempt completed;
    FinishedAttempt otherwise;
  };
  using Starts = std::vector<std::shared_ptr<Start>>;
  struct Work {
    Starts starts;
    std::vector<Returned> returned;
    std::vector<Hold> kept;
    std::deque<Batch> batches;
    std::vector<Settled> settled;
    std::vector<Doubt> doubts;

    bool empty() const {
      return starts.empty() && returned.empty() && kept.empty() && batches.empty() &&
             settled.empty() && doubts.empty();
    }
  };

  // Waits; empty when there is nothing left to do.
  Work TakeWork();
  // Until more work comes or recording is abandoned; false if this time has passed before.
  bool WaitForWork(absl::Duration timeout) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Leaves `from` empty.
  static void Move(Work& from, Work& to);
  void RecordStarts(const Starts& starts);
  absl::Status RecordStartsNow(const Starts& starts, int tries_if_refused);
  void GiveBackBatch(Returned returned);
  // Announces what was given back; what is busy is left for later.
  absl::Status GiveBackNow(Returned& returned, int tries_if_refused);
  // That these jobs have not begun and are still locked.
  void NoteUnbegun(const std::vector<Hold>& kept);
  CountedBytes CountContent(const AttemptReport& report);
  void AnnounceSettled(Settled settled);
  void Resolve(Doubt doubt);
  void RecordBatch(Batch batch);
  void RecordOne(Batch one);
  // For what the database refuses though the fault is not in what we say.
  void PutAside(Returned returned);
  void PutAside(Batch one);
  // Keeps its memory for a later batch.
  void Recycle(Batch batch);
  // Announces what was recorded; what is busy is left for later.
  absl::Status RecordNow(Batch& batch, int tries_if_refused);
  // Calls until it succeeds, was refused so many times while the database was there, or recording
  // is abandoned.
  absl::Status CallUntilAnswered(const char* operation, int tries_if_refused,
                                 const std::function<absl::Status()>& call);
  bool WaitToRepeat(absl::Duration delay);
  void Done(size_t count);
  void GiveUp(size_t count);
  // Whether what is busy may be tried again later; if not it is given up.
  bool MayLeaveForLater(size_t count);
  void WakeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool abandoned() const;

  // Constant after construction.
  PoolStore& store_;
  OutcomeAnnouncer& announcer_;
  ErrorReporter& errors_;
  Clock& clock_;
  const std::function<void()> on_done_;

  std::atomic<size_t> backlog_bytes_ = 0;

  // Used by the recorder's thread alone: what was busy, to be tried again soon, and what was
  // refused, to be tried again at this monotonic time.
  Work later_;
  Work refused_;
  absl::Duration retry_refused_at_;

  mutable Mutex mutex_;
  CondVar changed_;
  CondVar start_answered_;
  // Guarded by mutex_.
  Work work_ ABSL_GUARDED_BY(mutex_);
  // An empty batch that has memory already.
  Batch spare_ ABSL_GUARDED_BY(mutex_);
  size_t backlog_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t given_up_ ABSL_GUARDED_BY(mutex_) = 0;
  bool idle_ ABSL_GUARDED_BY(mutex_) = false;
  bool finish_ ABSL_GUARDED_BY(mutex_) = false;
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace
