#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/pool/claimer.h"
#include "server/pool/deadline_watch.h"
#include "server/pool/handler_services.h"
#include "server/pool/job_runner.h"
#include "server/pool/lease_guard.h"
#include "server/pool/lease_keeper.h"
#include "server/pool/lease_state.h"
#include "server/pool/outcome_announcer.h"
#include "server/pool/outcome_recorder.h"
#include "server/pool/pool_config.h"
#include "server/pool/pool_stats.h"
#include "server/pool/progress_reporter.h"
#include "server/pool/task_table.h"
#include "server/pool/worker_identity.h"
#include "server/pool/worker_slots.h"
#include "server/pool/worker_threads.h"
#include "server/queue/local_queue.h"

namespace millrace {

// A worker pool from one Start to the end of its stop: its parts and its threads. The supervisor
// carries out the stop:
//
//   1. no more claims; the local queue is closed, and what is left in it given back
//   2. handlers run on until the timeout, then they are asked to stop and get the grace time
//   3. outcomes are recorded, for as long again at most; the lease is ended; the stop is reported
//   4. handlers that have not ended keep their jobs and their lease: the supervisor, the recorder
//      and the lease keeper go on until they have; and jobs that are to stay locked keep the lease,
//      until Close
//
// Owned by the pool. Start, Stop and ForceStop may be called from any thread; so may the rest.
// The destructor closes it. Thread-safe.
class PoolRun {
 public:
  struct Parts {
    PoolStore& store;
    EventEmitter& events;
    Clock& clock;
    // At the start; its concurrency and filter may change later.
    PoolConfig config;
    const WorkerIdentity& identity;
    const TaskTable& tasks;
    PoolCounters& counters;
    PoolMetrics& metrics;
    ErrorReporter& errors;
    const HandlerServices& handlers;
    // Called in the supervisor's thread when the stop has ended; `forced` says that some handler
    // had to be asked to stop.
    std::function<void(const StopReport& report, bool forced)> on_stopped;
    // As LeaseGuard.
    LeaseGuard::LeaveProcess leave_process;
  };

  // `filter` says which jobs to claim.
  PoolRun(Parts parts, ClaimFilter filter);
  ~PoolRun();
  PoolRun(const PoolRun&) = delete;
  PoolRun& operator=(const PoolRun&) = delete;

  // RESOURCE_EXHAUSTED, with nothing left running, if there are no threads to be had. Once.
  absl::Status Start();
  // Signals the supervisor. Once.
  void RequestStop(absl::Duration timeout);
  // The same, and asks every handler to stop; returns how many those are.
  int ForceStop();
  // The database gets one more chance for each thing that waits for it.
  void Abandon();

  // Forces the stop, abandons what the database does not take, and waits for every handler.
  // `free_kept` says that jobs which were left locked become available, as the lease is ended; else
  // they do when it has run out.
  void Close(bool free_kept);
  // Jobs for which the database did not take what became of them; complete after Close.
  size_t given_up() const { return recorder_.given_up(); }

  // Changes the number of workers: new ones begin at once, surplus ones end as soon as they run
  // nothing. Does nothing once the stop has begun. RESOURCE_EXHAUSTED, with nothing changed, if
  // there are no threads to be had.
  absl::Status Resize(int workers);
  // From now on only jobs that it allows begin; what is buffered beside them is given back.
  void SetFilter(const ClaimFilter& filter);

  // What the stop did; complete when on_stopped is called.
  StopReport stop_report() const;
  // Whether nothing of the run runs or waits to be recorded any more, so that another may begin:
  // every thread has ended or is about to, or waits only for Close because jobs stay locked.
  bool ended() const;
  // Whether it still keeps its lease, and so watches those of others.
  bool WatchesLeases() const;
  // What keeps the run from having ended, for people.
  std::string DescribeUnended() const;

  void Wake() { claimer_.Wake(); }
  void NoteCancelled() { lease_keeper_.NoteCancelled(); }
  void FillStats(PoolStats& stats) const;

 private:
  // Threads that have ended.
  struct Exits {
    int claimer = 0;
    int lease_keeper = 0;
    int others = 0;
  };

  Claimer::Parts ClaimerParts();
  LeaseKeeper::Parts LeaseKeeperParts();

  void StartThreads();
  void UndoStart();
  // Starts a thread that counts in `exits` when it ends.
  void Spawn(const std::string& name, int Exits::* exits, std::function<void()> body);
  void Work(int worker);
  void RunClaimer();
  void ShowClaimTick();

  // The supervisor's thread and the steps of the stop; see above.
  void Supervise();
  void EndTaking();
  void EndHandlers();
  void EndLease();
  void Report();
  void Linger();
  void MarkStopLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Waits until `done`, which is called with mutex_ held; returns whether it is.
  bool WaitFor(absl::Duration timeout, const std::function<bool()>& done);
  bool WorkersOut() const { return worker_threads_.running() == 0; }
  void NoteWorkerOut();
  absl::Status NoThreads(const std::system_error& error) const;
  // Nothing is held any more, and nothing waits to be recorded.
  bool AllRecordedLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void ReturnUndispatched(ClaimedBatch jobs);
  void OnProgress();
  void OnCancelled(const std::vector<Hold>& holds);
  // Handlers were asked to stop at `asked_at` or later: who has not ended in time is to be told of.
  void LookForStuck(absl::Duration asked_at);
  bool HasKept() const;
  // Those of these jobs that have stayed locked, which they then do no more.
  std::vector<ClaimedBatch> TakeKept(const std::vector<Hold>& holds);
  // Returns whether the lease is to be ended.
  bool WaitWhileKept();
  void UpdateGauges();

  // Constant after construction.
  const Parts parts_;

  LeaseState lease_;
  StopNotifier notifier_;
  WorkerSlots slots_;
  LeaseGuard lease_guard_;
  LocalQueue queue_;
  DeadlineWatch watch_;
  OutcomeAnnouncer announcer_;
  OutcomeRecorder recorder_;
  ProgressReporter progress_;
  JobRunner runner_;
  LostPools lost_pools_;
  LeaseKeeper lease_keeper_;
  Claimer claimer_;

  std::atomic<int64_t> last_tick_ns_{0};
  // Attempts that ended since the stop began.
  std::atomic<bool> stopping_{false};
  std::atomic<int> finished_{0};
  std::atomic<int> interrupted_{0};

  mutable Mutex mutex_;
  CondVar changed_;
  // Guarded by mutex_.
  bool start_failed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  // The stop does not wait for handlers.
  bool hurry_ ABSL_GUARDED_BY(mutex_) = false;
  // Some handler had to be asked to stop, or ForceStop was called.
  bool forced_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration timeout_ ABSL_GUARDED_BY(mutex_);
  Exits exits_ ABSL_GUARDED_BY(mutex_);
  PoolCounts counts_at_stop_ ABSL_GUARDED_BY(mutex_);
  StopReport report_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  // Jobs that stay locked when the pool has stopped (keep_undispatched_locked).
  std::vector<ClaimedBatch> kept_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool free_kept_ ABSL_GUARDED_BY(mutex_) = false;

  // Held while the number of workers is changed.
  Mutex resize_mutex_;
  WorkerThreads worker_threads_;
  // Filled by Start, then used by the supervisor alone. All but the workers.
  std::vector<std::thread> threads_;
  std::thread supervisor_;
};

}  // namespace millrace
