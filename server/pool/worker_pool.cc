#include "server/pool/worker_pool.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/logging.h"
#include "server/pool/pool_run.h"

namespace millrace {
namespace {

absl::Status NotRunning() { return absl::FailedPreconditionError("not running"); }

void EmitPoolEvent(EventEmitter& events, EventType type, PoolEventData data) {
  std::vector<Event> one(1);
  one.front().type = type;
  one.front().data = data;
  events.Emit(std::move(one));
}

// Tasks that are both allowed and registered.
ClaimFilter FilterOf(const PoolConfig& config, const TaskRegistry& registry) {
  const bool named = !config.task_identifiers.empty() || config.claim_unknown_tasks;
  return {named ? config.task_identifiers : registry.TaskIdentifiers(), config.forbidden_flags};
}

}  // namespace

WorkerPool::WorkerPool(PoolStore& store, const TaskRegistry& tasks, EventEmitter& events,
                       MetricsRegistry& metrics, Clock& clock, PoolConfig config,
                       WorkerIdentity identity, LeaseGuard::LeaveProcess leave_process,
                       HandlerServices handlers)
    : store_(store),
      registry_(tasks),
      events_(events),
      clock_(clock),
      identity_(std::move(identity)),
      leave_process_(std::move(leave_process)),
      handlers_(std::move(handlers)),
      metrics_(metrics),
      errors_(events, counters_),
      tasks_(tasks, metrics),
      lost_pools_({store_, events_, counters_, metrics_, errors_, clock_, [] {}}),
      config_(std::move(config)) {}

WorkerPool::~WorkerPool() { Close(); }

size_t WorkerPool::Close() {
  std::shared_ptr<PoolRun> run;
  {
    MutexLock lock(mutex_);
    run = std::move(run_);
    if (state_ == State::kRunning) state_ = State::kStopping;
  }
  if (run == nullptr) return 0;
  // The last step of this locks mutex_.
  run->Close(/*free_kept=*/false);
  return run->given_up();
}

absl::Status WorkerPool::ValidateTasks(const PoolConfig& config, const TaskRegistry& tasks) {
  if (absl::Status valid = tasks.status(); !valid.ok()) return valid;
  if (config.claim_unknown_tasks) return absl::OkStatus();
  std::vector<std::string> faults;
  for (const std::string& identifier : config.task_identifiers) {
    if (tasks.Find(identifier) != nullptr) continue;
    faults.push_back(
        absl::StrCat("task-identifiers: no handler is registered for \"", identifier, "\""));
  }
  if (tasks.TaskIdentifiers().empty()) {
    faults.emplace_back("no task is registered, and claim-unknown-tasks is off");
  }
  if (faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(faults, "; "));
}

absl::Status WorkerPool::Start() {
  if (absl::Status valid = config().Validate(); !valid.ok()) return valid;
  if (absl::Status valid = ValidateTasks(config(), registry_); !valid.ok()) return valid;
  absl::StatusOr<std::shared_ptr<PoolRun>> last = BeginStart();
  if (!last.ok()) return last.status();
  last->reset();
  // Changes wait until the pool has started.
  const PoolConfig config = this->config();
  const auto run = std::make_shared<PoolRun>(
      PoolRun::Parts{store_, events_, clock_, config, identity_, tasks_, counters_, metrics_,
                     errors_, handlers_,
                     [this](const StopReport& report, bool forced) { EndStop(report, forced); },
                     leave_process_},
      FilterOf(config, registry_));
  EmitPoolEvent(events_, EventType::kPoolStart, {.concurrency = config.concurrency});
  const absl::Status started = run->Start();
  if (!started.ok()) EmitPoolEvent(events_, EventType::kPoolStop, {});
  MutexLock lock(mutex_);
  state_ = started.ok() ? State::kRunning : State::kStopped;
  if (started.ok()) {
    run_ = run;
    running_since_ = clock_.Now();
  }
  state_changed_.NotifyAll();
  return started;
}

absl::StatusOr<std::shared_ptr<PoolRun>> WorkerPool::BeginStart() {
  MutexLock lock(mutex_);
  // Only pool/stop is being emitted then, which must stand before the next pool/start.
  while (state_ == State::kEnding) state_changed_.Wait(mutex_);
  if (state_ == State::kStopping) return absl::FailedPreconditionError("the pool is stopping");
  if (state_ != State::kStopped) return absl::FailedPreconditionError("already running");
  if (run_ != nullptr && !run_->ended()) {
    return absl::FailedPreconditionError(run_->DescribeUnended());
  }
  state_ = State::kStarting;
  return std::move(run_);
}

absl::StatusOr<StopReport> WorkerPool::Stop(std::optional<absl::Duration> timeout) {
  const absl::Duration patience = timeout.value_or(config().graceful_shutdown_timeout);
  if (patience < absl::ZeroDuration()) {
    return absl::InvalidArgumentError("timeout: must not be negative");
  }
  std::shared_ptr<PoolRun> run;
  {
    MutexLock lock(mutex_);
    while (state_ == State::kStarting) state_changed_.Wait(mutex_);
    if (state_ == State::kStopping) return absl::FailedPreconditionError("already stopping");
    if (state_ != State::kRunning) return NotRunning();
    state_ = State::kStopping;
    run = run_;
    run->RequestStop(patience);
    while (run_ == run && state_ != State::kStopped) state_changed_.Wait(mutex_);
  }
  return run->stop_report();
}

absl::StatusOr<int> WorkerPool::ForceStop() {
  std::shared_ptr<PoolRun> run;
  {
    MutexLock lock(mutex_);
    while (state_ == State::kStarting) state_changed_.Wait(mutex_);
    if (state_ != State::kRunning && state_ != State::kStopping) return NotRunning();
    state_ = State::kStopping;
    run = run_;
  }
  return run->ForceStop();
}

void WorkerPool::EndStop(const StopReport& report, bool forced) {
  {
    MutexLock lock(mutex_);
    state_ = State::kEnding;
  }
  spdlog::info(
      "pool: stopped; {} attempts finished, {} jobs given back, {} interrupted, {} still "
      "running",
      report.finished, report.given_back, report.interrupted, report.still_running);
  EmitPoolEvent(events_, EventType::kPoolStop, {.forced = forced});
  MutexLock lock(mutex_);
  state_ = State::kStopped;
  state_changed_.NotifyAll();
}

absl::Status WorkerPool::Validate(const PoolChange& change) const {
  return change.Validate(config(), registry_);
}

absl::Status WorkerPool::Update(const PoolChange& change) {
  MutexLock update_lock(update_mutex_);
  const PoolConfig before = config();
  PoolConfig after = before;
  if (absl::Status valid = change.Validate(before, registry_); !valid.ok()) return valid;
  change.ApplyTo(after);
  const std::shared_ptr<PoolRun> run = SetConfig(after);
  if (run != nullptr && after.concurrency != before.concurrency) {
    if (absl::Status resized = run->Resize(after.concurrency); !resized.ok()) {
      SetConfig(before);
      return resized;
    }
  }
  if (run != nullptr) run->SetFilter(FilterOf(after, registry_));
  spdlog::info("pool: changed to {} workers, tasks {}, forbidden flags {}", after.concurrency,
               after.task_identifiers.empty() ? "all" : absl::StrJoin(after.task_identifiers, ","),
               after.forbidden_flags.empty() ? "none" : absl::StrJoin(after.forbidden_flags, ","));
  return absl::OkStatus();
}

PoolConfig WorkerPool::config() const {
  MutexLock lock(mutex_);
  return config_;
}

std::shared_ptr<PoolRun> WorkerPool::SetConfig(const PoolConfig& config) {
  MutexLock lock(mutex_);
  // Its run has the last configuration, and cannot be told of another yet.
  while (state_ == State::kStarting) state_changed_.Wait(mutex_);
  config_ = config;
  return state_ == State::kRunning ? run_ : nullptr;
}

bool WorkerPool::WaitUntilStopped(absl::Duration timeout) {
  MutexLock lock(mutex_);
  return clock_.WaitFor(mutex_, state_changed_, timeout, [this] {
    mutex_.AssertHeld();
    return state_ == State::kStopped;
  });
}

void WorkerPool::RescueWhileStopped() {
  bool watched = false;
  {
    MutexLock lock(mutex_);
    watched = state_ == State::kStarting || (run_ != nullptr && run_->WatchesLeases());
  }
  if (watched) {
    lost_pools_.Forget();
  } else {
    lost_pools_.Watch(std::nullopt, [] { return false; });
  }
}

PoolStats WorkerPool::Stats() const {
  PoolStats stats;
  // A job goes from claimed to the local queue to a worker to an outcome. Looked at from the end
  // on, none is seen twice.
  const PoolCounts counts = counters_.Read();
  stats.completed = counts.completed;
  stats.failed = counts.failed;
  stats.errors = counts.errors;
  stats.given_back = counts.given_back;
  stats.stale_returned = counts.stale_returned;
  stats.interrupted = counts.interrupted;
  {
    MutexLock lock(mutex_);
    stats.concurrency = config_.concurrency;
    stats.task_identifiers = config_.task_identifiers;
    stats.forbidden_flags = config_.forbidden_flags;
    stats.running = RunningLocked();
    stats.stopping = state_ == State::kStopping;
    stats.running_since = running_since_;
    if (run_ != nullptr) run_->FillStats(stats);
  }
  stats.claimed = counters_.Read().claimed;
  return stats;
}

bool WorkerPool::running() const {
  MutexLock lock(mutex_);
  return RunningLocked();
}

bool WorkerPool::RunningLocked() const {
  return state_ == State::kStarting || state_ == State::kRunning || state_ == State::kStopping;
}

void WorkerPool::Wake() {
  MutexLock lock(mutex_);
  if (run_ != nullptr && state_ == State::kRunning) run_->Wake();
}

void WorkerPool::NoteCancelled() {
  MutexLock lock(mutex_);
  if (run_ != nullptr) run_->NoteCancelled();
}

}  // namespace millrace
