#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/events/event_emitter.h"
#include "server/metrics/metrics.h"
#include "server/pool/error_reporter.h"
#include "server/pool/handler_services.h"
#include "server/pool/lease_guard.h"
#include "server/pool/lost_pools.h"
#include "server/pool/pool_change.h"
#include "server/pool/pool_config.h"
#include "server/pool/pool_counters.h"
#include "server/pool/pool_metrics.h"
#include "server/pool/pool_stats.h"
#include "server/pool/task_table.h"
#include "server/pool/worker_identity.h"
#include "server/store/pool_store.h"
#include "tasks/api/task_registry.h"

namespace millrace {

class PoolRun;

// The worker pool of a server: claims jobs, runs their handlers and records what became of them, in
// threads of its own (contract A). It can be started and stopped any number of times.
//
//   stopped -> starting -> running -> stopping -> ending -> stopped
//
// From `starting` to `stopping` it counts as running; in `stopping` handlers may still run, in
// `ending` only pool/stop is being emitted. A handler that
// ignores the request to stop outlives the stop as a straggler: it keeps its job, and Start refuses
// while it runs.
//
// Owned by the service graph; what the constructor gets outlives it. The destructor forces a stop
// and waits for every handler, since a running handler uses what the pool was given: a process that
// must leave while handlers are stuck (Stats().stuck) leaves without destroying its pool.
// Thread-safe.
class WorkerPool {
 public:
  // Ok, or every fault of the registry and of what the configuration says of its tasks, as
  // INVALID_ARGUMENT. What Start checks besides PoolConfig::Validate.
  static absl::Status ValidateTasks(const PoolConfig& config, const TaskRegistry& tasks);

  // Does no I/O and starts no thread. REQUIRES: `leave_process` is set if the pool is told so by
  // OnLostLease::kExit; it may be called from any thread of the pool.
  WorkerPool(PoolStore& store, const TaskRegistry& tasks, EventEmitter& events,
             MetricsRegistry& metrics, Clock& clock, PoolConfig config, WorkerIdentity identity,
             LeaseGuard::LeaveProcess leave_process = nullptr, HandlerServices handlers = {});
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Starts the threads; does not wait for the database. FAILED_PRECONDITION "already running", or
  // naming what of the last run has not ended; INVALID_ARGUMENT naming every fault of the
  // configuration or the registry; RESOURCE_EXHAUSTED if there are no threads to be had.
  absl::Status Start();

  // Claims nothing more, gives buffered jobs back, lets handlers run until the timeout (unset means
  // graceful_shutdown_timeout), then asks them to stop and waits for stop_grace. Blocks until all
  // that is done. FAILED_PRECONDITION "not running" or "already stopping"; INVALID_ARGUMENT for a
  // negative timeout.
  absl::StatusOr<StopReport> Stop(std::optional<absl::Duration> timeout);

  // Asks every running handler to stop and returns at once how many those are; the rest of the stop
  // goes on in the background. Hurries a Stop that is under way. FAILED_PRECONDITION "not running".
  absl::StatusOr<int> ForceStop();

  // The last call: forces a stop, gives the database one more chance for what it has not taken, and
  // waits for every handler. Returns for how many jobs of the last run the database did not take
  // what became of them.
  size_t Close();

  // Changes concurrency, tasks and flags of the pool, which may run or not; what is not named
  // stays. More workers begin at once; of fewer, the surplus ones end when their handlers have,
  // which are not asked to. Claims are made under the new lists from now on, and what is buffered
  // and not allowed any more is given back, uncounted. INVALID_ARGUMENT naming every fault, with
  // nothing changed, and RESOURCE_EXHAUSTED, the same, if there are not enough threads.
  absl::Status Update(const PoolChange& change);
  // What Update says first, without doing anything.
  absl::Status Validate(const PoolChange& change) const;

  // Blocks until the pool is stopped, or `timeout` has passed; returns whether it is. At once if it
  // does not run.
  bool WaitUntilStopped(absl::Duration timeout);

  // Frees what lost pools held, as a pool that runs does by itself; does nothing while it does. To
  // be called again and again, from one thread at a time. Blocks for as long as the database takes.
  void RescueWhileStopped();

  PoolStats Stats() const;
  // From Start until the stop has ended.
  bool running() const;
  const std::string& worker_id() const { return identity_.worker_id; }
  const std::string& pool_name() const { return identity_.pool_name; }

  // A job may have come: the claimer looks at once. Never waits.
  void Wake();
  // Jobs that pools hold were cancelled: it looks soon whether some of its own are among them, and
  // would with its next heartbeat. Never waits.
  void NoteCancelled();

 private:
  enum class State { kStopped, kStarting, kRunning, kStopping, kEnding };

  // Enters kStarting and hands back what was left of the last run, to be destroyed.
  absl::StatusOr<std::shared_ptr<PoolRun>> BeginStart();
  PoolConfig config() const;
  // Makes `config` the pool's; returns the run that it must be told to, if there is one.
  std::shared_ptr<PoolRun> SetConfig(const PoolConfig& config);
  void EndStop(const StopReport& report, bool forced);
  bool RunningLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after construction.
  PoolStore& store_;
  const TaskRegistry& registry_;
  EventEmitter& events_;
  Clock& clock_;
  const WorkerIdentity identity_;
  const LeaseGuard::LeaveProcess leave_process_;
  const HandlerServices handlers_;

  PoolCounters counters_;
  PoolMetrics metrics_;
  ErrorReporter errors_;
  const TaskTable tasks_;
  // For the time between the runs. Used by the caller of RescueWhileStopped alone.
  LostPools lost_pools_;

  // Held while the pool is changed.
  Mutex update_mutex_;

  mutable Mutex mutex_;
  CondVar state_changed_;
  // Guarded by mutex_.
  PoolConfig config_ ABSL_GUARDED_BY(mutex_);
  State state_ ABSL_GUARDED_BY(mutex_) = State::kStopped;
  // Shared, so that a call in progress keeps a run that a later Start replaces.
  std::shared_ptr<PoolRun> run_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Time> running_since_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
