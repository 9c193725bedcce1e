#pragma once

#include <functional>

#include "server/events/event_handlers.h"
#include "tasks/api/task_registry.h"

namespace millrace {

// How the process ends.
enum ExitCode {
  kExitClean = 0,
  // Or, with --migrate-only, could not bring the schema up to date.
  kExitCouldNotStart = 1,
  kExitBadUsage = 2,
  // Handlers of tasks ignored the request to stop for longer than the graceful timeout and a grace,
  // or a handler of events did not return within five seconds.
  kExitHandlersLeft = 3,
  // The database did not take what became of some jobs, which therefore run again.
  kExitOutcomesLost = 4,
  // With --on-lost-lease exit: handlers still ran when the lease of the pool ended.
  kExitLeaseEnded = 5
};

// The whole life of a server with the tasks that `register_tasks` enters: reads the settings,
// builds and starts it, stops it at SIGTERM or SIGINT, and returns the exit code; or only migrates
// (--migrate-only). A second signal
// asks handlers to stop at once, a third one leaves the process. `register_tasks` is called twice,
// first to check the settings, so it does nothing but add handlers. `register_event_handlers` is
// called once, before the first event; what it adds is called with the events of this server, and
// it may keep the reference as long as its handlers are called. Call it from main, before there is
// any other thread.
int RunServer(int argc, char** argv, const std::function<void(TaskRegistry&)>& register_tasks,
              const std::function<void(EventHandlers&)>& register_event_handlers = {});

}  // namespace millrace
