#include "server/pool/pool_run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/logging.h"
#include "server/base/named_thread.h"

namespace millrace {

PoolRun::PoolRun(Parts parts, ClaimFilter filter)
    : parts_(std::move(parts)),
      slots_(parts_.config.concurrency, parts_.config.stop_grace, parts_.clock, notifier_,
             parts_.events),
      lease_guard_(parts_.config.on_lost_lease, lease_, slots_, parts_.leave_process),
      queue_(parts_.config.concurrency, parts_.config.queue_ttl, parts_.clock),
      // Whom the guard has asked to stop is looked at again when he should have ended.
      watch_(parts_.clock, {[this](absl::Duration now) { return lease_guard_.Check(now); },
                            [this](absl::Duration now) { return slots_.CheckTimes(now); }}),
      announcer_(parts_.events, parts_.counters,
                 [this](absl::Duration after) { claimer_.NoteDue(after); }),
      recorder_(parts_.store, announcer_, parts_.errors, parts_.clock, [this] { OnProgress(); }),
      progress_(parts_.store, parts_.events, parts_.errors, parts_.clock),
      runner_(parts_.config, parts_.tasks, lease_, slots_, watch_, recorder_,
              {parts_.identity.worker_id, parts_.handlers, progress_, [this] { claimer_.Wake(); },
               parts_.clock}),
      lost_pools_({parts_.store, parts_.events, parts_.counters, parts_.metrics, parts_.errors,
                   parts_.clock, /*on_rescued=*/[this] { claimer_.Wake(); }}),
      lease_keeper_({parts_.identity.worker_id, parts_.identity.pool_name, parts_.identity.host,
                     parts_.identity.pid, parts_.identity.version, parts_.config.lease_ttl},
                    parts_.config.heartbeat_interval, LeaseKeeperParts()),
      claimer_(parts_.config, std::move(filter), ClaimerParts()),
      worker_threads_([this](int worker) { Work(worker); }, [this] { NoteWorkerOut(); }) {}

LeaseKeeper::Parts PoolRun::LeaseKeeperParts() {
  return {
      parts_.store,
      lease_,
      lost_pools_,
      parts_.metrics,
      parts_.errors,
      parts_.clock,
      /*on_registered=*/[this] { claimer_.Wake(); },
      /*on_renewed=*/
      [this] {
        watch_.LookAt(lease_.interrupt_at());
        claimer_.NudgeIfHeldUp();
      },
      /*on_lost=*/
      [this] {
        const absl::Duration now = parts_.clock.Monotonic();
        lease_guard_.OnEnded();
        LookForStuck(now);
      },
      /*on_cancelled=*/[this](const std::vector<Hold>& holds) { OnCancelled(holds); },
  };
}

Claimer::Parts PoolRun::ClaimerParts() {
  return {
      parts_.store,
      queue_,
      lease_,
      recorder_,
      parts_.counters,
      parts_.metrics,
      parts_.errors,
      parts_.clock,
      /*on_lease_ended=*/[this](WorkerNumber worker) { lease_keeper_.ReportEnded(worker); },
      /*return_jobs=*/[this](ClaimedBatch jobs) { ReturnUndispatched(std::move(jobs)); },
      /*on_tick=*/
      [this] {
        last_tick_ns_ = absl::ToUnixNanos(parts_.clock.Now());
        ShowClaimTick();
        UpdateGauges();
      },
  };
}

PoolRun::~PoolRun() { Close(/*free_kept=*/true); }

void PoolRun::Close(bool free_kept) {
  if (!supervisor_.joinable()) return;
  ForceStop();
  Abandon();
  {
    MutexLock lock(mutex_);
    closing_ = true;
    free_kept_ = free_kept;
    changed_.NotifyAll();
  }
  supervisor_.join();
}

absl::Status PoolRun::Start() {
  try {
    StartThreads();
  } catch (const std::system_error& error) {
    UndoStart();
    return NoThreads(error);
  }
  return absl::OkStatus();
}

absl::Status PoolRun::NoThreads(const std::system_error& error) const {
  return absl::ResourceExhaustedError(
      absl::StrCat("the pool needs ", queue_.workers() + 7, " threads and did not get them (",
                   error.what(), "): lower the concurrency or raise the limit of threads"));
}

absl::Status PoolRun::Resize(int workers) {
  MutexLock lock(resize_mutex_);
  if (stopping_) return absl::OkStatus();
  const int before = queue_.workers();
  const int missing = queue_.Resize(workers);
  slots_.GrowTo(std::min(worker_threads_.running() + missing, PoolConfig::kMaxConcurrency));
  int started = 0;
  try {
    for (; started < missing; ++started) worker_threads_.StartOne();
  } catch (const std::system_error& error) {
    absl::Status status = NoThreads(error);
    queue_.NoteMissing(missing - started);
    // Those that were started leave.
    queue_.Resize(before);
    return status;
  }
  claimer_.Wake();
  UpdateGauges();
  return absl::OkStatus();
}

void PoolRun::SetFilter(const ClaimFilter& filter) {
  claimer_.SetFilter(filter);
  for (ClaimedBatch& batch : queue_.TakeForbidden(filter)) {
    recorder_.GiveBack(std::move(batch), /*stale=*/false);
  }
}

void PoolRun::NoteWorkerOut() {
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

void PoolRun::StartThreads() {
  for (int i = 0; i < parts_.config.concurrency; ++i) worker_threads_.StartOne();
  Spawn("outcomes", &Exits::others, [this] { recorder_.Run(); });
  Spawn("progress", &Exits::others, [this] { progress_.Run(); });
  Spawn("stop-tokens", &Exits::others, [this] { notifier_.Run(); });
  Spawn("deadlines", &Exits::others, [this] { watch_.Run(); });
  Spawn("claimer", &Exits::claimer, [this] { RunClaimer(); });
  supervisor_ = StartNamedThread("pool-supervisor", [this] { Supervise(); });
  // Last, since nothing can be claimed, and so nothing must be undone, before it has registered.
  Spawn("lease-keeper", &Exits::lease_keeper, [this] { lease_keeper_.Run(); });
}

void PoolRun::UndoStart() {
  {
    MutexLock lock(mutex_);
    start_failed_ = true;
    changed_.NotifyAll();
  }
  claimer_.RequestStop();
  queue_.Close();
  recorder_.Finish();
  progress_.RequestStop();
  watch_.RequestStop();
  notifier_.RequestStop();
  if (supervisor_.joinable()) supervisor_.join();
  worker_threads_.Join();
  for (std::thread& thread : threads_) thread.join();
}

void PoolRun::Spawn(const std::string& name, int Exits::* exits, std::function<void()> body) {
  threads_.push_back(StartNamedThread(name, [this, exits, body = std::move(body)] {
    body();
    MutexLock lock(mutex_);
    ++(exits_.*exits);
    changed_.NotifyAll();
  }));
}

void PoolRun::Work(int worker) {
  WorkerSlot& slot = slots_.slot(worker);
  QueuedJob job;
  for (bool came_back = false; queue_.Pop(job, came_back); came_back = true) {
    const JobRunner::Ended ended = runner_.Run(std::move(job), slot);
    if (!stopping_) continue;
    if (ended == JobRunner::Ended::kFinished) ++finished_;
    if (ended == JobRunner::Ended::kInterrupted) ++interrupted_;
  }
}

void PoolRun::RunClaimer() {
  ShowClaimTick();
  claimer_.Run();
  parts_.metrics.claim_loop_tick.Set(0);
}

void PoolRun::ShowClaimTick() {
  parts_.metrics.claim_loop_tick.Set(absl::ToDoubleSeconds(parts_.clock.Now() - absl::UnixEpoch()));
}

void PoolRun::RequestStop(absl::Duration timeout) {
  claimer_.RequestStop();
  MutexLock lock(mutex_);
  MarkStopLocked();
  queue_.Close();
  timeout_ = timeout;
  stop_ = true;
  changed_.NotifyAll();
}

int PoolRun::ForceStop() {
  {
    MutexLock lock(mutex_);
    MarkStopLocked();
    forced_ = true;
  }
  claimer_.RequestStop();
  runner_.RefuseStarts();
  queue_.Close();
  const int asked = slots_.RequestStopOfAll(StopReason::kPoolStops);
  // The supervisor afterwards, so that it is not the one who asks.
  MutexLock lock(mutex_);
  stop_ = true;
  hurry_ = true;
  changed_.NotifyAll();
  return asked;
}

void PoolRun::MarkStopLocked() {
  if (stopping_.exchange(true)) return;
  counts_at_stop_ = parts_.counters.Read();
}

void PoolRun::Abandon() {
  recorder_.Abandon();
  claimer_.Abandon();
}

StopReport PoolRun::stop_report() const {
  MutexLock lock(mutex_);
  return report_;
}

bool PoolRun::ended() const {
  MutexLock lock(mutex_);
  return ended_;
}

bool PoolRun::WatchesLeases() const {
  MutexLock lock(mutex_);
  return exits_.lease_keeper == 0;
}

std::string PoolRun::DescribeUnended() const {
  const std::vector<JobEventData> running = slots_.ListRunning();
  if (!running.empty()) {
    constexpr size_t kNamed = 10;
    std::vector<std::string> names;
    for (size_t i = 0; i < running.size() && i < kNamed; ++i) {
      names.push_back(
          absl::StrCat("job ", running[i].job_id, " (", running[i].task_identifier, ")"));
    }
    if (running.size() > kNamed) names.emplace_back("...");
    return absl::StrCat(running.size(),
                        " handlers of the last run have not ended: ", absl::StrJoin(names, ", "));
  }
  if (const size_t backlog = recorder_.backlog(); backlog > 0) {
    return absl::StrCat(backlog,
                        " outcomes of the last run are not recorded yet, since the "
                        "database does not take them");
  }
  return "the last run is waiting for the database to answer";
}

void PoolRun::FillStats(PoolStats& stats) const {
  stats.active = slots_.CountActive();
  stats.buffered = queue_.GetRoom().buffered;
  stats.stuck = slots_.CountStuck();
  const int64_t last_tick_ns = last_tick_ns_;
  if (last_tick_ns != 0) stats.last_claim_tick = absl::FromUnixNanos(last_tick_ns);
}

void PoolRun::Supervise() {
  bool failed = false;
  WaitFor(absl::InfiniteDuration(), [this, &failed] {
    mutex_.AssertHeld();
    failed = start_failed_;
    return stop_ || start_failed_;
  });
  if (failed) return;
  EndTaking();
  EndHandlers();
  EndLease();
  Report();
  Linger();
}

void PoolRun::EndTaking() {
  for (ClaimedBatch& left : queue_.Drain()) ReturnUndispatched(std::move(left));
}

void PoolRun::EndHandlers() {
  absl::Duration timeout;
  {
    MutexLock lock(mutex_);
    timeout = timeout_;
  }
  const auto workers_out = [this] {
    mutex_.AssertHeld();
    return WorkersOut();
  };
  WaitFor(timeout, [this] {
    mutex_.AssertHeld();
    return hurry_ || WorkersOut();
  });
  if (WaitFor(absl::ZeroDuration(), workers_out)) return;
  runner_.RefuseStarts();
  if (slots_.RequestStopOfAll(StopReason::kPoolStops) > 0) {
    MutexLock lock(mutex_);
    forced_ = true;
  }
  if (!WaitFor(parts_.config.stop_grace, workers_out)) slots_.ReportStuck(parts_.clock.Monotonic());
}

void PoolRun::EndLease() {
  const absl::Duration until = parts_.clock.Monotonic() + parts_.config.stop_grace;
  WaitFor(parts_.config.stop_grace, [this] {
    mutex_.AssertHeld();
    // What handlers hold that have not ended is none of the database's fault.
    return AllRecordedLocked() || (recorder_.backlog() == 0 && exits_.claimer == 1);
  });
  // Looked at anew as a whole: a handler that has ended just now may have handed on its outcome.
  const bool all_recorded = WaitFor(absl::ZeroDuration(), [this] {
    mutex_.AssertHeld();
    return AllRecordedLocked();
  });
  // What stays locked stays so under the lease.
  if (!all_recorded || HasKept()) return;
  lease_keeper_.RequestStop(/*end_lease=*/true);
  WaitFor(until - parts_.clock.Monotonic(), [this] {
    mutex_.AssertHeld();
    return exits_.lease_keeper == 1;
  });
}

void PoolRun::Report() {
  const PoolCounts counts = parts_.counters.Read();
  StopReport report;
  report.finished = finished_;
  report.interrupted = interrupted_;
  bool forced = false;
  {
    MutexLock lock(mutex_);
    report.given_back = static_cast<int>(counts.given_back - counts_at_stop_.given_back);
    report.still_running = worker_threads_.running();
    forced = forced_;
    report_ = report;
    // Everything is over already if no thread has anything left to do.
    ended_ = AllRecordedLocked() && (exits_.lease_keeper == 1 || !kept_.empty());
  }
  UpdateGauges();
  parts_.on_stopped(report, forced);
}

void PoolRun::Linger() {
  WaitFor(absl::InfiniteDuration(), [this] {
    mutex_.AssertHeld();
    return AllRecordedLocked();
  });
  const bool end_lease = WaitWhileKept();
  lease_keeper_.RequestStop(end_lease);
  recorder_.Finish();
  progress_.RequestStop();
  watch_.RequestStop();
  notifier_.RequestStop();
  worker_threads_.Join();
  for (std::thread& thread : threads_) thread.join();
  UpdateGauges();
  MutexLock lock(mutex_);
  ended_ = true;
}

bool PoolRun::HasKept() const {
  MutexLock lock(mutex_);
  return !kept_.empty();
}

bool PoolRun::WaitWhileKept() {
  if (!HasKept()) return true;
  WaitFor(absl::InfiniteDuration(), [this] {
    mutex_.AssertHeld();
    ended_ = true;
    return closing_;
  });
  MutexLock lock(mutex_);
  return free_kept_;
}

bool PoolRun::WaitFor(absl::Duration timeout, const std::function<bool()>& done) {
  MutexLock lock(mutex_);
  return parts_.clock.WaitFor(mutex_, changed_, timeout, done);
}

bool PoolRun::AllRecordedLocked() const {
  return WorkersOut() && exits_.claimer == 1 && recorder_.backlog() == 0;
}

void PoolRun::ReturnUndispatched(ClaimedBatch jobs) {
  if (parts_.config.keep_undispatched_locked) {
    spdlog::info("pool: {} jobs that have not begun stay locked", jobs.jobs.size());
    recorder_.KeepLocked(jobs);
    MutexLock lock(mutex_);
    kept_.push_back(std::move(jobs));
  } else {
    recorder_.GiveBack(std::move(jobs), /*stale=*/false);
  }
}

void PoolRun::OnProgress() {
  UpdateGauges();
  claimer_.NudgeIfHeldUp();
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

void PoolRun::OnCancelled(const std::vector<Hold>& holds) {
  // The database makes of what is given back, and of every outcome but success, a cancelled job.
  for (ClaimedBatch& batch : queue_.Take(holds)) {
    recorder_.GiveBack(std::move(batch), /*stale=*/false);
  }
  for (ClaimedBatch& batch : TakeKept(holds)) {
    recorder_.GiveBack(std::move(batch), /*stale=*/false);
  }
  const absl::Duration now = parts_.clock.Monotonic();
  for (const Hold& hold : holds) slots_.RequestStopOf(hold, StopReason::kCancelled);
  LookForStuck(now);
}

void PoolRun::LookForStuck(absl::Duration asked_at) {
  watch_.LookAt(asked_at + parts_.config.stop_grace);
}

std::vector<ClaimedBatch> PoolRun::TakeKept(const std::vector<Hold>& holds) {
  std::vector<ClaimedBatch> taken;
  MutexLock lock(mutex_);
  for (ClaimedBatch& batch : kept_) {
    ClaimedBatch some = TakeFrom(batch, holds);
    if (!some.jobs.empty()) taken.push_back(std::move(some));
  }
  return taken;
}

void PoolRun::UpdateGauges() {
  const int active = slots_.CountActive();
  parts_.metrics.busy_slots.Set(active);
  parts_.metrics.idle_slots.Set(std::max(0, queue_.workers() - active));
  parts_.metrics.stuck_slots.Set(slots_.CountStuck());
  parts_.metrics.queue_depth.Set(queue_.GetRoom().buffered);
}

}  // namespace millrace
