// millrace-bench-server: the real server with tasks for benchmarks, which do nothing.
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "bench/bench_tasks.h"
#include "server/app/run_server.h"
#include "server/base/clock.h"
#include "tasks/api/task_registry.h"

namespace {

using millrace::TaskContext;
using millrace::TaskRegistry;
using millrace::TaskResult;

// Tells the moment at which a handler begins to whoever reads the pipe.
TaskResult ReportStart(int pipe) {
  const int64_t now = absl::ToInt64Nanoseconds(millrace::SystemClock().Monotonic());
  return write(pipe, &now, sizeof now) == sizeof now ? TaskResult::Success()
                                                     : TaskResult::Fail("cannot write to the pipe");
}

void RegisterBenchTasks(TaskRegistry& tasks) {
  for (int task = 0; task < millrace::bench::kMostTasks; ++task)
    tasks.Add(millrace::bench::DrainTask(task), [](TaskContext&) {});
  if (const char* path = std::getenv(millrace::bench::kPickupPipeVariable)) {
    // Both ways, so that opening does not wait for the reader.
    const int pipe = open(path, O_RDWR | O_CLOEXEC);
    tasks.Add(millrace::bench::kPickupTask, [pipe](TaskContext&) { return ReportStart(pipe); });
  }
}

}  // namespace

int main(int argc, char** argv) { return millrace::RunServer(argc, argv, RegisterBenchTasks); }
