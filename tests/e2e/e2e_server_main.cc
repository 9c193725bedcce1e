// millrace-e2e-server: the real server with tasks that only tests want.
#include <unistd.h>

#include <string>

#include "server/app/run_server.h"
#include "tasks/api/task_registry.h"

namespace {

using millrace::TaskContext;
using millrace::TaskRegistry;
using millrace::TaskResult;

// Takes a moment, so that a pool cannot have finished them all before another one is told.
TaskResult Brief(TaskContext& context) {
  context.WaitFor(absl::Milliseconds(1));
  return TaskResult::Success();
}

// Takes so long that many of them are not over before a test has looked.
TaskResult Unhurried(TaskContext& context) {
  context.WaitFor(absl::Milliseconds(50));
  return TaskResult::Success();
}

// Ends only when it is asked to.
TaskResult Slow(TaskContext& context) {
  while (context.WaitFor(absl::Hours(1))) {
  }
  return TaskResult::Fail("asked to stop");
}

// Leaves an event of some size.
TaskResult Verbose(TaskContext&) { return TaskResult::Cancel(std::string(8'000, 'x')); }

// Never ends.
TaskResult Ignoring(TaskContext&) {
  while (true) pause();
}

void RegisterTestTasks(TaskRegistry& tasks) {
  tasks.Add("noop", [](TaskContext&) {});
  tasks.Add("brief", Brief);
  tasks.Add("unhurried", Unhurried);
  tasks.Add("slow", Slow);
  tasks.Add("failing", [](TaskContext&) { return TaskResult::Fail("as always"); });
  tasks.Add("verbose", Verbose);
  tasks.Add("ignoring", Ignoring);
}

}  // namespace

int main(int argc, char** argv) { return millrace::RunServer(argc, argv, RegisterTestTasks); }
