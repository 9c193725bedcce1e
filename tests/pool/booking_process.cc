// booking-process DATABASE_URL SCHEMA - a worker pool in a process of its own, which ends when it
// is killed. Its task "book" works in its transaction: it writes the number of its job into the
// table ledger of the schema, adds a job, and takes a moment.
#include <unistd.h>

#include <string>

#include "server/events/event_emitter.h"
#include "server/metrics/null_metrics_registry.h"
#include "server/pool/worker_pool.h"
#include "server/store/postgres/postgres_handler_store.h"
#include "server/store/postgres/postgres_pool_store.h"

namespace millrace {
namespace {

TaskResult Book(TaskContext& context, const std::string& schema) {
  const absl::StatusOr<TaskTransaction*> begun = context.BeginTransaction();
  if (!begun.ok()) return TaskResult::Fail(std::string(begun.status().message()));
  const std::string number = std::to_string(context.job().id);
  const std::string sql = "insert into " + schema + ".ledger values ($1)";
  absl::Status done = (*begun)->Execute(SqlText::MadeAtRunTime(sql), {number}).status();
  if (done.ok()) {
    done = (*begun)->AddJob({.task_identifier = "booked", .correlation_id = number}).status();
  }
  if (!done.ok()) return TaskResult::Fail(std::string(done.message()));
  context.WaitFor(absl::Milliseconds(context.job().id % 7));
  return TaskResult::Success();
}

PoolConfig Config() {
  PoolConfig config;
  config.concurrency = 8;
  config.poll_interval = absl::Milliseconds(50);
  config.lease_ttl = absl::Seconds(1);
  config.heartbeat_interval = absl::Milliseconds(200);
  config.retry.base = absl::Milliseconds(10);
  return config;
}

int Run(const std::string& url, const std::string& schema) {
  SystemClock clock;
  NullMetricsRegistry metrics;
  const auto database =
      *PostgresDatabase::Create({.database_url = url, .schema = schema}, metrics, clock);
  PostgresPoolStore store(*database);
  PostgresJobStore jobs(*database, metrics);
  PostgresHandlerStore handlers(*database, jobs);
  EventEmitter events("booking", clock, metrics, {});
  TaskRegistry tasks;
  tasks.Add("book", [&schema](TaskContext& context) { return Book(context, schema); });
  WorkerPool pool(store, tasks, events, metrics, clock, Config(),
                  WorkerIdentity{"booking", "booking", "host", getpid(), "1.0"}, nullptr,
                  HandlerServices{&jobs, &handlers, {}});
  if (!pool.Start().ok()) return 1;
  while (true) pause();
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) { return argc == 3 ? millrace::Run(argv[1], argv[2]) : 2; }
