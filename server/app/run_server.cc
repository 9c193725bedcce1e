#include "server/app/run_server.h"

#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "server/app/config.h"
#include "server/app/service_graph.h"
#include "server/app/signal_watcher.h"
#include "server/base/clock.h"
#include "server/base/logging.h"

namespace millrace {
namespace {

// To standard error in any case, whatever the log's level.
int Fail(const absl::Status& status, ExitCode code) {
  std::fprintf(stderr, "millrace-server: %s\n", std::string(status.message()).c_str());
  return code;
}

// After the last signal that can be waited for; the kernel ends a private PostgreSQL with us.
constexpr int kLeaveAtOnce = 3;

// What is wrong with the tasks, or with what the options say of them. These are not the handlers
// that will run: a private database, which those may want to know, does not exist yet.
absl::Status CheckTasks(const ServerOptions& options,
                        const std::function<void(TaskRegistry&)>& register_tasks) {
  TaskRegistry tasks(TaskEnvironment{options.database_url});
  register_tasks(tasks);
  return WorkerPool::ValidateTasks(options.pool, tasks);
}

int MigrateOnly(ServiceGraph& graph, const std::string& schema) {
  const absl::Status migrated = graph.Migrate();
  if (migrated.ok()) {
    spdlog::info("the schema {} is up to date", schema);
    return kExitClean;
  }
  // What is to run next must not take the schema for up to date.
  if (absl::IsCancelled(migrated)) {
    return Fail(absl::CancelledError("stopped before the schema was known to be up to date"),
                kExitCouldNotStart);
  }
  return Fail(migrated, kExitCouldNotStart);
}

int RunWith(const ServerOptions& options, const std::function<void(TaskRegistry&)>& register_tasks,
            const std::function<void(EventHandlers&)>& register_event_handlers) {
  SystemClock clock;
  ServiceGraph graph(options, MILLRACE_VERSION, register_tasks, register_event_handlers, clock);
  SignalWatcher signals([&graph](int count) {
    if (count >= kLeaveAtOnce) _exit(kExitHandlersLeft);
    spdlog::info("{}", count == 1 ? "stopping" : "stopping at once");
    graph.RequestStop();
  });
  if (absl::Status started = signals.Start(); !started.ok()) {
    return Fail(started, kExitCouldNotStart);
  }
  if (options.migrate_only) return MigrateOnly(graph, options.schema);
  const absl::Status started = graph.Start();
  if (!started.ok()) {
    const bool cancelled = absl::IsCancelled(started);
    if (!cancelled) Fail(started, kExitCouldNotStart);
    if (!graph.EndEventHandlers()) _exit(cancelled ? kExitHandlersLeft : kExitCouldNotStart);
    return cancelled ? kExitClean : kExitCouldNotStart;
  }
  switch (graph.WaitAndStop()) {
    case ServiceGraph::StopResult::kHandlersLeft:
      // Handlers still use what would be destroyed.
      _exit(kExitHandlersLeft);
    case ServiceGraph::StopResult::kOutcomesLost:
      return kExitOutcomesLost;
    case ServiceGraph::StopResult::kClean:
      break;
  }
  return kExitClean;
}

}  // namespace

int RunServer(int argc, char** argv, const std::function<void(TaskRegistry&)>& register_tasks,
              const std::function<void(EventHandlers&)>& register_event_handlers) {
  SignalWatcher::BlockSignals();
  const absl::StatusOr<Config> config =
      ReadConfig(std::vector<std::string>(argv + 1, argv + argc), ProcessEnvironment(),
                 MILLRACE_VERSION, [&register_tasks](const ServerOptions& options) {
                   return CheckTasks(options, register_tasks);
                 });
  HideSecrets(argc, argv);
  if (!config.ok()) return Fail(config.status(), kExitBadUsage);
  if (config->text_to_print.has_value()) {
    std::fputs(config->text_to_print->c_str(), stdout);
    return kExitClean;
  }
  const ServerOptions& options = config->options;
  const absl::Status logging = SetUpLogging(options.log_level, options.log_format);
  if (!logging.ok()) return Fail(logging, kExitBadUsage);
  const int code = RunWith(options, register_tasks, register_event_handlers);
  if (code == kExitClean) spdlog::info("stopped");
  return code;
}

}  // namespace millrace
