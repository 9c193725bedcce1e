// millrace-bench-server: the real server with tasks for benchmarks, which do nothing.
#include <fcntl.h>

#include <cstdlib>

#include "bench/bench_tasks.h"
#include "bench/pickup_pipe.h"
#include "server/app/run_server.h"
#include "tasks/api/task_registry.h"

namespace {

using millrace::TaskContext;
using millrace::TaskRegistry;
using millrace::TaskResult;

TaskResult Report(int pipe) {
  return millrace::bench::ReportPickup(pipe) ? TaskResult::Success()
                                             : TaskResult::Fail("cannot write to the pipe");
}

void RegisterBenchTasks(TaskRegistry& tasks) {
  for (int task = 0; task < millrace::bench::kMostTasks; ++task)
    tasks.Add(millrace::bench::DrainTask(task), [](TaskContext&) {});
  if (const char* path = std::getenv(millrace::bench::kPickupPipeVariable)) {
    // Both ways, so that opening does not wait for the reader.
    const int pipe = open(path, O_RDWR | O_CLOEXEC);
    tasks.Add(millrace::bench::kPickupTask, [pipe](TaskContext&) { return Report(pipe); });
  }
}

}  // namespace

int main(int argc, char** argv) { return millrace::RunServer(argc, argv, RegisterBenchTasks); }
