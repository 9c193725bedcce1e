#include "server/app/service_graph.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "server/app/database_url.h"
#include "server/app/run_server.h"
#include "server/base/logging.h"
#include "server/rpc/health_control.h"
#include "server/rpc/listen_address.h"
#include "server/store/postgres/migrator.h"

namespace millrace {
namespace {

// How long calls in hand may take when the server ends.
constexpr absl::Duration kCallGrace = absl::Seconds(5);
// How long the others may take to learn that the server ends.
constexpr absl::Duration kFleetGrace = absl::Seconds(2);
// Beside those of the stores: for listening, readiness, tasks, and whoever looks with psql.
constexpr int kOtherConnections = 32;
constexpr absl::Duration kPartitionsInterval = absl::Hours(6);
constexpr absl::Duration kOverdueJobsInterval = absl::Minutes(1);
// While the pool is stopped, lost ones are looked for so often, or with the heartbeat's interval.
constexpr absl::Duration kLongestRescueInterval = absl::Seconds(3);
constexpr absl::Duration kClaimPatience = absl::Seconds(10);

WorkerIdentity MakeIdentity(const std::string& pool_name, const std::string& version) {
  char host[256] = "";
  gethostname(host, sizeof(host) - 1);
  absl::BitGen random;
  WorkerIdentity identity;
  // The process id alone repeats, on one host and over hosts.
  identity.worker_id =
      absl::StrFormat("%s-%d-%016x", host, getpid(), absl::Uniform<uint64_t>(random));
  identity.pool_name = pool_name.empty() ? host : pool_name;
  identity.host = host;
  identity.pid = getpid();
  identity.version = version;
  return identity;
}

// For a pool that must not outlive its lease. The kernel ends a private PostgreSQL with us.
void LeaveProcess(const std::string& why) {
  spdlog::error("leaving: {}", why);
  _exit(kExitLeaseEnded);
}

std::string DescribeNames(const std::vector<std::string>& names, const char* if_empty) {
  return names.empty() ? if_empty : absl::StrJoin(names, ",");
}

std::string DescribeSaved(const SavedPool& saved) {
  std::vector<std::string> parts;
  if (saved.stopped.has_value()) {
    parts.emplace_back(*saved.stopped ? "it does not start with its server"
                                      : "it starts with its server");
  }
  if (saved.concurrency.has_value()) {
    parts.push_back(absl::StrCat("concurrency ", *saved.concurrency));
  }
  if (saved.task_identifiers.has_value()) {
    parts.push_back(absl::StrCat("tasks ", DescribeNames(*saved.task_identifiers, "all")));
  }
  if (saved.forbidden_flags.has_value()) {
    parts.push_back(
        absl::StrCat("forbidden flags ", DescribeNames(*saved.forbidden_flags, "none")));
  }
  return absl::StrJoin(parts, "; ");
}

}  // namespace

ServiceGraph::ServiceGraph(ServerOptions options, std::string version,
                           RegisterTasksFunction register_tasks,
                           RegisterEventHandlersFunction register_event_handlers, Clock& clock)
    : options_(std::move(options)),
      version_(std::move(version)),
      register_tasks_(std::move(register_tasks)),
      register_event_handlers_(std::move(register_event_handlers)),
      clock_(clock) {
  if (!options_.database_url.empty()) return;
  EmbeddedPostgres::Options embedded;
  embedded.data_dir = options_.data_dir;
  embedded.programs_folder = options_.postgres_bin_dir;
  embedded.max_connections =
      options_.max_connections + options_.task_connections + kOtherConnections;
  embedded_postgres_ = std::make_unique<EmbeddedPostgres>(std::move(embedded), clock_);
}

ServiceGraph::~ServiceGraph() {
  if (fleet_ != nullptr) fleet_->RequestStop();
  CloseDatabase(kCallGrace);
  HurryIfDatabaseHangs();
}

absl::Status ServiceGraph::Start() {
  absl::Status taken = Take({{&ServiceGraph::CheckAddresses, Life::kStartingDatabase},
                             {&ServiceGraph::StartEmbeddedPostgres, Life::kStartingDatabase},
                             {&ServiceGraph::ReachDatabase, Life::kOpeningDatabase},
                             {&ServiceGraph::OpenDatabase, Life::kStarting},
                             {&ServiceGraph::BuildPool, Life::kStarting},
                             {&ServiceGraph::Serve, Life::kStarting}});
  if (!taken.ok()) return taken;
  if (absl::Status started = StartPool(); !started.ok()) return started;
  // From here on there is a pool to stop in order, so WaitAndStop does it, even at once.
  MutexLock lock(mutex_);
  life_ = Life::kRunning;
  return absl::OkStatus();
}

absl::Status ServiceGraph::Migrate() {
  return Take({{&ServiceGraph::StartEmbeddedPostgres, Life::kStartingDatabase},
               {&ServiceGraph::ReachDatabase, Life::kOpeningDatabase},
               {&ServiceGraph::OpenDatabase, Life::kStarting}});
}

absl::Status ServiceGraph::Take(std::initializer_list<Step> steps) {
  for (const Step& step : steps) {
    absl::Status done = (this->*step.take)();
    // A step may fail because of the stop, so that is looked at first.
    if (absl::Status advanced = Advance(step.next); !advanced.ok()) return advanced;
    if (!done.ok()) return done;
  }
  return absl::OkStatus();
}

absl::Status ServiceGraph::Advance(Life life) {
  MutexLock lock(mutex_);
  if (stop_requests_ > 0) return absl::CancelledError("stopped while it was starting");
  life_ = life;
  return absl::OkStatus();
}

absl::Status ServiceGraph::CheckAddresses() {
  std::vector<std::string> faults;
  const auto note = [&faults](const absl::Status& status) {
    if (!status.ok()) faults.emplace_back(status.message());
  };
  for (const std::string& address : options_.rpc.listen_addresses) {
    note(CheckListenAddress(address));
  }
  // Only the HTTP server itself knows what it can listen on.
  if (!options_.metrics_listen.empty()) {
    note(HttpEndpoint::Create(options_.metrics_listen, {}).status());
  }
  if (faults.empty()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrJoin(faults, "; "));
}

absl::Status ServiceGraph::StartEmbeddedPostgres() {
  if (embedded_postgres_ == nullptr) {
    database_url_ = options_.database_url;
    return absl::OkStatus();
  }
  absl::Status started = embedded_postgres_->Start();
  if (started.ok()) database_url_ = embedded_postgres_->database_url();
  return started;
}

absl::Status ServiceGraph::DatabaseError(const absl::Status& status) const {
  std::string message = WithoutPassword(std::string(status.message()), database_url_);
  if (absl::IsUnavailable(status)) {
    message = absl::StrCat("cannot use the database ", DescribeDatabase(database_url_), ": ",
                           message, "; check --database-url and whether the database runs");
  }
  return absl::Status(status.code(), message);
}

absl::Status ServiceGraph::ReachDatabase() {
  auto databases = ServerDatabases::Create(
      {database_url_, options_.schema, options_.max_connections, options_.task_connections},
      metrics_, clock_);
  if (!databases.ok()) return DatabaseError(databases.status());
  databases_ = *std::move(databases);
  ping_store_ = std::make_unique<PostgresJobStore>(databases_->readiness(), metrics_);
  pool_store_ = std::make_unique<PostgresPoolStore>(databases_->pool());
  job_store_ = std::make_unique<PostgresJobStore>(databases_->calls(), metrics_);
  watch_store_ = std::make_unique<PostgresJobWatchStore>(databases_->calls());
  handler_store_ = std::make_unique<PostgresHandlerStore>(databases_->handlers(), *job_store_);
  maintenance_store_ = std::make_unique<PostgresMaintenanceStore>(databases_->pool());
  upkeep_store_ = std::make_unique<PostgresJobStore>(databases_->pool(), metrics_);
  fleet_store_ = std::make_unique<PostgresFleetStore>(databases_->fleet());
  return absl::OkStatus();
}

absl::Status ServiceGraph::OpenDatabase() {
  spdlog::info("connecting to the database {}", DescribeDatabase(database_url_));
  if (absl::Status there = ping_store_->Ping(); !there.ok()) return DatabaseError(there);
  if (absl::Status migrated = Migrator(databases_->pool()).Migrate(); !migrated.ok()) {
    return DatabaseError(migrated);
  }
  return absl::OkStatus();
}

absl::Status ServiceGraph::TakeSaved(const std::string& pool_name) {
  absl::StatusOr<SavedPool> saved = fleet_store_->Load(pool_name);
  if (!saved.ok()) return DatabaseError(saved.status());
  if (saved->empty()) return absl::OkStatus();
  if (options_.ignore_saved) {
    spdlog::warn("what is saved for the pool {} is ignored: {}", pool_name, DescribeSaved(*saved));
    return absl::OkStatus();
  }
  spdlog::info("what is saved for the pool {} holds, whatever the settings say: {}", pool_name,
               DescribeSaved(*saved));
  if (saved->stopped.has_value()) options_.autostart = !*saved->stopped;
  const PoolChange change{saved->concurrency, std::move(saved->task_identifiers),
                          std::move(saved->forbidden_flags)};
  const absl::Status fits = change.Validate(options_.pool, *tasks_);
  if (!fits.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "what is saved for the pool ", pool_name, " does not fit this server: ", fits.message(),
        "; start it once with --ignore-saved, and change that"));
  }
  change.ApplyTo(options_.pool);
  return absl::OkStatus();
}

absl::Status ServiceGraph::BuildPool() {
  const WorkerIdentity identity = MakeIdentity(options_.pool_name, version_);
  emitter_ = std::make_unique<EventEmitter>(identity.worker_id, clock_, metrics_, options_.events);
  event_handlers_ = std::make_unique<EventHandlers>(*emitter_, clock_, metrics_);
  if (register_event_handlers_) register_event_handlers_(*event_handlers_);
  if (absl::Status started = event_handlers_->Start(); !started.ok()) return started;
  tasks_ = std::make_unique<TaskRegistry>(TaskEnvironment{database_url_});
  register_tasks_(*tasks_);
  if (!tasks_->status().ok()) return tasks_->status();
  if (absl::Status taken = TakeSaved(identity.pool_name); !taken.ok()) return taken;
  pool_ = std::make_unique<WorkerPool>(
      *pool_store_, *tasks_, *emitter_, metrics_, clock_, options_.pool, identity, LeaveProcess,
      HandlerServices{job_store_.get(),
                      handler_store_.get(),
                      {options_.rpc.limits, options_.rpc.default_max_attempts}});
  pool_control_ = std::make_unique<WorkerPoolControl>(*pool_);
  guarded_pool_ = std::make_unique<GuardedPoolControl>(*pool_control_);
  pool_commands_ = std::make_unique<PoolCommands>(*guarded_pool_, *fleet_store_, clock_);
  Fleet::Options fleet;
  fleet.report_interval = options_.pool.heartbeat_interval;
  fleet.patience = options_.pool.lease_ttl;
  fleet_ = std::make_unique<Fleet>(*fleet_store_, *pool_commands_, identity, clock_, fleet);
  return absl::OkStatus();
}

absl::Status ServiceGraph::Serve() {
  rpc_ = std::make_unique<RpcServer>(
      options_.rpc, RpcServer::Backends{*guarded_pool_, *job_store_, *watch_store_, *emitter_,
                                        clock_, metrics_, *pool_commands_, *fleet_});
  Readiness::Options patience;
  patience.claim_patience = options_.pool.poll_interval + kClaimPatience;
  readiness_ = std::make_unique<Readiness>(
      Readiness::Sources{[this] { return ping_store_->Ping(); }, [this] { return pool_->Stats(); },
                         [this](bool ready, bool pool_serves) {
                           rpc_->SetServing(kServerHealth, ready);
                           rpc_->SetServing(kJobQueueHealth, ready);
                           rpc_->SetServing(kWorkerPoolHealth, pool_serves);
                         }},
      clock_, patience);
  if (!options_.metrics_listen.empty()) {
    auto http = HttpEndpoint::Create(options_.metrics_listen, MakePages());
    if (!http.ok()) return http.status();
    http_ = *std::move(http);
    spdlog::info("metrics and health on port {} of {}", http_->port(), options_.metrics_listen);
  }
  if (absl::Status started = fleet_->Start(); !started.ok()) return started;
  if (absl::Status started = rpc_->Start(); !started.ok()) return started;
  spdlog::info("gRPC listens on {}", absl::StrJoin(rpc_->addresses(), ", "));
  return absl::OkStatus();
}

absl::Status ServiceGraph::StartPool() {
  partitions_ = std::make_unique<PeriodicDuty>(
      [this] { return maintenance_store_->EnsurePartitions(); }, clock_,
      PeriodicDuty::Options{.name = "partitions", .interval = kPartitionsInterval});
  overdue_jobs_ = std::make_unique<PeriodicDuty>(
      [this] {
        absl::Status reset = upkeep_store_->ResetOverdueJobs(options_.rpc.lock_timeout).status();
        reset.Update(maintenance_store_->ForgetRequests().status());
        return reset;
      },
      clock_, PeriodicDuty::Options{.name = "overdue-jobs", .interval = kOverdueJobsInterval});
  lost_pools_ = std::make_unique<PeriodicDuty>(
      [this] {
        pool_->RescueWhileStopped();
        return absl::OkStatus();
      },
      clock_,
      PeriodicDuty::Options{
          .name = "lost-pools",
          .interval = std::min(options_.pool.heartbeat_interval, kLongestRescueInterval)});
  for (PeriodicDuty* duty : {partitions_.get(), overdue_jobs_.get(), lost_pools_.get()}) {
    if (absl::Status started = duty->Start(); !started.ok()) return started;
  }
  wakeup_listener_ = std::make_unique<PostgresWakeupListener>(
      databases_->pool(), PostgresWakeupListener::Callbacks{[this] { pool_->Wake(); },
                                                            [this] { pool_->NoteCancelled(); },
                                                            [this] { fleet_->Wake(); }});
  if (absl::Status started = wakeup_listener_->Start(); !started.ok()) return started;
  if (options_.autostart) {
    const absl::Status started = guarded_pool_->Start();
    // A caller may have been first: the service is open by now.
    if (!started.ok() && !absl::IsFailedPrecondition(started)) return started;
  }
  spdlog::info("worker id {} of pool {}", pool_->worker_id(), pool_->pool_name());
  return readiness_->Start();
}

std::map<std::string, HttpEndpoint::PageMaker> ServiceGraph::MakePages() {
  std::map<std::string, HttpEndpoint::PageMaker> pages;
  pages["/livez"] = [] {
    HttpEndpoint::Page page;
    page.body = "alive\n";
    return page;
  };
  pages["/readyz"] = [this] {
    HttpEndpoint::Page page;
    const std::optional<std::string> fault = readiness_->Fault();
    page.status = fault.has_value() ? 503 : 200;
    page.body = absl::StrCat(fault.value_or("ready"), "\n");
    return page;
  };
  pages["/metrics"] = [this] {
    HttpEndpoint::Page page;
    page.content_type = "text/plain; version=0.0.4; charset=utf-8";
    page.body = metrics_.Render();
    return page;
  };
  return pages;
}

void ServiceGraph::RequestStop() {
  Life life;
  bool again = false;
  {
    MutexLock lock(mutex_);
    ++stop_requests_;
    life = life_;
    again = stop_requests_ > 1;
    stop_requested_.NotifyAll();
  }
  if (life == Life::kStartingDatabase && embedded_postgres_ != nullptr) {
    embedded_postgres_->RequestStop();
  }
  if (life == Life::kOpeningDatabase) CloseDatabase(absl::ZeroDuration());
  if (life != Life::kRunning) return;
  readiness_->SetStopping();
  if (again) pool_->ForceStop().IgnoreError();
}

ServiceGraph::StopResult ServiceGraph::WaitAndStop() {
  {
    MutexLock lock(mutex_);
    while (stop_requests_ == 0) stop_requested_.Wait(mutex_);
  }
  readiness_->SetStopping();
  guarded_pool_->Close();
  StopPool();
  // Until now others could hurry the stop, and see it.
  fleet_->RequestStop();
  databases_->fleet().CloseIn(kFleetGrace);
  fleet_->Join();
  CloseDatabase(kCallGrace);
  rpc_->Shutdown(kCallGrace);
  http_.reset();
  for (Lifecycle* part :
       {static_cast<Lifecycle*>(wakeup_listener_.get()), static_cast<Lifecycle*>(readiness_.get()),
        static_cast<Lifecycle*>(partitions_.get()), static_cast<Lifecycle*>(overdue_jobs_.get()),
        static_cast<Lifecycle*>(lost_pools_.get())}) {
    part->RequestStop();
    part->Join();
  }
  const StopResult result = ClosePool();
  if (!EndEventHandlers()) return StopResult::kHandlersLeft;
  if (result == StopResult::kHandlersLeft) StopEmbeddedPostgres();
  return result;
}

bool ServiceGraph::EndEventHandlers() {
  if (event_handlers_ == nullptr) return true;
  event_handlers_->RequestStop();
  const absl::Status ended = event_handlers_->JoinInTime();
  if (ended.ok()) return true;
  spdlog::error("leaving although {}", std::string(ended.message()));
  StopEmbeddedPostgres();
  return false;
}

ServiceGraph::StopResult ServiceGraph::ClosePool() {
  const PoolStats stats = pool_->Stats();
  if (stats.active == 0 && stats.stuck == 0 && !stats.running) {
    const size_t lost = pool_->Close();
    if (lost == 0) return StopResult::kClean;
    spdlog::error("the database did not take what became of {} jobs; they run again", lost);
    return StopResult::kOutcomesLost;
  }
  spdlog::error("leaving although {} handlers ignore the request to stop",
                std::max(stats.active, stats.stuck));
  return StopResult::kHandlersLeft;
}

void ServiceGraph::StopEmbeddedPostgres() {
  HurryIfDatabaseHangs();
  if (embedded_postgres_ == nullptr) return;
  embedded_postgres_->RequestStop();
  embedded_postgres_->Join();
}

void ServiceGraph::StopPool() {
  const absl::StatusOr<StopReport> report = pool_->Stop(std::nullopt);
  if (report.ok() || pool_->WaitUntilStopped(options_.pool.graceful_shutdown_timeout)) return;
  // A caller's own stop, which may have a longer timeout, was under way.
  pool_->ForceStop().IgnoreError();
  pool_->WaitUntilStopped(3 * options_.pool.stop_grace + absl::Seconds(1));
}

void ServiceGraph::CloseDatabase(absl::Duration grace) {
  if (databases_ != nullptr) databases_->CloseIn(grace);
}

void ServiceGraph::HurryIfDatabaseHangs() {
  if (embedded_postgres_ == nullptr || databases_ == nullptr) return;
  if (databases_->did_not_answer()) embedded_postgres_->HurryStop();
}

}  // namespace millrace
