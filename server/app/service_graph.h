#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "server/app/embedded_postgres.h"
#include "server/app/guarded_pool_control.h"
#include "server/app/http_endpoint.h"
#include "server/app/readiness.h"
#include "server/app/server_databases.h"
#include "server/app/server_options.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/events/event_emitter.h"
#include "server/events/event_handlers.h"
#include "server/maintenance/periodic_duty.h"
#include "server/metrics/prometheus/prometheus_metrics_registry.h"
#include "server/pool/worker_pool.h"
#include "server/rpc/fleet.h"
#include "server/rpc/pool_commands.h"
#include "server/rpc/rpc_server.h"
#include "server/rpc/worker_pool_control.h"
#include "server/store/postgres/postgres_fleet_store.h"
#include "server/store/postgres/postgres_handler_store.h"
#include "server/store/postgres/postgres_job_store.h"
#include "server/store/postgres/postgres_job_watch_store.h"
#include "server/store/postgres/postgres_maintenance_store.h"
#include "server/store/postgres/postgres_pool_store.h"
#include "server/store/postgres/postgres_wakeup_listener.h"
#include "tasks/api/task_registry.h"

namespace millrace {

// Everything that a server consists of: builds it, starts it in order, and stops it in the reverse
// order. Owned by RunServer. Used from one thread, but for RequestStop.
class ServiceGraph {
 public:
  using RegisterTasksFunction = std::function<void(TaskRegistry&)>;
  // May be empty.
  using RegisterEventHandlersFunction = std::function<void(EventHandlers&)>;
  enum class StopResult {
    kClean,
    // The database did not take what became of some jobs, which therefore run again.
    kOutcomesLost,
    // Handlers of tasks ignore the request to stop, or a handler of events has not returned: leave
    // the process without destroying the graph. The private PostgreSQL has been stopped.
    kHandlersLeft
  };

  // REQUIRES: FindFaults(options) is empty.
  ServiceGraph(ServerOptions options, std::string version, RegisterTasksFunction register_tasks,
               RegisterEventHandlersFunction register_event_handlers, Clock& clock);
  ~ServiceGraph();

  // Each error is one line that says what is wrong and how to mend it, and holds no password;
  // nothing is left started then. CANCELLED if RequestStop came first.
  absl::Status Start();

  // Instead of Start: brings the schema up to date and does nothing else. Errors as Start.
  absl::Status Migrate();

  // Begins the stop; the second call asks every handler to stop. Quick. Thread-safe.
  void RequestStop();

  // REQUIRES: Start has succeeded. Waits until the stop is requested, then stops everything: the
  // pool gracefully, then the event streams, then the server.
  StopResult WaitAndStop();

  // For who would destroy the graph without WaitAndStop. Ends the handlers of events; false if one
  // has not returned five seconds later: as kHandlersLeft then.
  bool EndEventHandlers();

 private:
  enum class Life { kStartingDatabase, kOpeningDatabase, kStarting, kRunning };
  struct Step {
    absl::Status (ServiceGraph::*take)();
    // What begins when the step has succeeded.
    Life next;
  };

  absl::Status Take(std::initializer_list<Step> steps);
  // CANCELLED, and nothing changes, if the stop was requested.
  absl::Status Advance(Life life);
  // Whether it could listen, before anything is made.
  absl::Status CheckAddresses();
  absl::Status StartEmbeddedPostgres();
  // Makes the ways to the database, without I/O.
  absl::Status ReachDatabase();
  absl::Status OpenDatabase();
  // Takes what is saved for the pool's name instead of what the options say.
  absl::Status TakeSaved(const std::string& pool_name);
  absl::Status BuildPool();
  absl::Status Serve();
  absl::Status StartPool();
  std::map<std::string, HttpEndpoint::PageMaker> MakePages();
  absl::Status DatabaseError(const absl::Status& status) const;
  void StopPool();
  // REQUIRES: StopPool.
  StopResult ClosePool();
  // What must not be left to those who leave without destroying the graph.
  void StopEmbeddedPostgres();
  // Lets no call to the database last longer.
  void CloseDatabase(absl::Duration grace);
  // A private PostgreSQL that has not answered is not waited for.
  void HurryIfDatabaseHangs();

  // Constant after construction, but for what TakeSaved changes.
  ServerOptions options_;
  const std::string version_;
  const RegisterTasksFunction register_tasks_;
  const RegisterEventHandlersFunction register_event_handlers_;
  Clock& clock_;

  Mutex mutex_;
  CondVar stop_requested_;
  Life life_ ABSL_GUARDED_BY(mutex_) = Life::kStartingDatabase;
  int stop_requests_ ABSL_GUARDED_BY(mutex_) = 0;

  // In the order of construction; each is destroyed before those above it.
  PrometheusMetricsRegistry metrics_;
  std::unique_ptr<EmbeddedPostgres> embedded_postgres_;
  std::string database_url_;
  std::unique_ptr<ServerDatabases> databases_;
  std::unique_ptr<PostgresJobStore> ping_store_;
  std::unique_ptr<PostgresPoolStore> pool_store_;
  std::unique_ptr<PostgresJobStore> job_store_;
  std::unique_ptr<PostgresJobWatchStore> watch_store_;
  std::unique_ptr<PostgresHandlerStore> handler_store_;
  std::unique_ptr<PostgresMaintenanceStore> maintenance_store_;
  // For what the upkeep does to jobs, which must not wait for callers.
  std::unique_ptr<PostgresJobStore> upkeep_store_;
  std::unique_ptr<PostgresFleetStore> fleet_store_;
  std::unique_ptr<EventEmitter> emitter_;
  std::unique_ptr<EventHandlers> event_handlers_;
  std::unique_ptr<TaskRegistry> tasks_;
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<WorkerPoolControl> pool_control_;
  std::unique_ptr<GuardedPoolControl> guarded_pool_;
  std::unique_ptr<PoolCommands> pool_commands_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<RpcServer> rpc_;
  std::unique_ptr<Readiness> readiness_;
  std::unique_ptr<HttpEndpoint> http_;
  std::unique_ptr<PeriodicDuty> partitions_;
  std::unique_ptr<PeriodicDuty> overdue_jobs_;
  std::unique_ptr<PeriodicDuty> lost_pools_;
  std::unique_ptr<PostgresWakeupListener> wakeup_listener_;
};

}  // namespace millrace
