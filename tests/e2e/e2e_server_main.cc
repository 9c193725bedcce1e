// millrace-e2e-server: the real server with tasks that only tests want.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>

#include "server/app/run_server.h"
#include "tasks/api/task_registry.h"

namespace {

using millrace::Event;
using millrace::EventHandlers;
using millrace::EventType;
using millrace::TaskContext;
using millrace::TaskRegistry;
using millrace::TaskResult;

// Puts it on record that a handler has begun: a line with the job's number, in one write that no
// other server's cuts through, in the file that the test has named.
void NoteRun(const TaskContext& context) {
  const char* const path = std::getenv("E2E_RUNS_FILE");
  if (path == nullptr) return;
  const std::string line = std::to_string(context.job().id) + "\n";
  const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const ssize_t written = write(file, line.data(), line.size());
  close(file);
  if (written != static_cast<ssize_t>(line.size())) throw std::runtime_error("run not noted");
}

// Takes a moment, so that a pool cannot have finished them all before another one is told.
TaskResult Brief(TaskContext& context) {
  NoteRun(context);
  context.WaitFor(absl::Milliseconds(1));
  return TaskResult::Success();
}

// Takes so long that many of them are not over before a test has looked.
TaskResult Unhurried(TaskContext& context) {
  NoteRun(context);
  context.WaitFor(absl::Milliseconds(50));
  return TaskResult::Success();
}

// The same, but breaks off when it is asked to.
TaskResult Yielding(TaskContext& context) {
  NoteRun(context);
  if (!context.WaitFor(absl::Milliseconds(20))) return TaskResult::Fail("asked to stop");
  return TaskResult::Success();
}

// The same, and says how far it is.
TaskResult Telling(TaskContext& context) {
  const absl::Status told = context.ReportProgress(50, "halfway", {{"steps", 1}});
  if (!told.ok()) return TaskResult::Cancel(std::string(told.message()));
  return Yielding(context);
}

// The same in a transaction, with a row for the job in the table that the test has named.
TaskResult Booking(TaskContext& context) {
  const char* const table = std::getenv("E2E_BOOKING_TABLE");
  if (table == nullptr) return TaskResult::Cancel("E2E_BOOKING_TABLE is not set");
  const auto begun = context.BeginTransaction();
  if (begun.ok()) {
    const std::string sql = std::string("insert into ") + table + " values ($1)";
    const absl::Status booked =
        (*begun)
            ->Execute(millrace::SqlText::MadeAtRunTime(sql), {std::to_string(context.job().id)})
            .status();
    if (booked.ok()) return Yielding(context);
  }
  NoteRun(context);
  return TaskResult::Fail("asked to stop");
}

// Ends only when it is asked to.
TaskResult Slow(TaskContext& context) {
  NoteRun(context);
  while (context.WaitFor(absl::Hours(1))) {
  }
  return TaskResult::Fail("asked to stop");
}

// Runs until the file is there that the test has named, or until it is asked to stop.
TaskResult Gated(TaskContext& context) {
  NoteRun(context);
  const char* const gate = std::getenv("E2E_GATE_FILE");
  if (gate == nullptr) return TaskResult::Cancel("E2E_GATE_FILE is not set");
  while (access(gate, F_OK) != 0) {
    if (!context.WaitFor(absl::Milliseconds(20))) return TaskResult::Fail("asked to stop");
  }
  return TaskResult::Success();
}

// Leaves an event of some size.
TaskResult Verbose(TaskContext&) { return TaskResult::Cancel(std::string(8'000, 'x')); }

// Never ends.
TaskResult Ignoring(TaskContext& context) {
  NoteRun(context);
  while (true) pause();
}

void RegisterTestTasks(TaskRegistry& tasks) {
  tasks.Add("noop", [](TaskContext&) {});
  tasks.Add("brief", Brief);
  tasks.Add("unhurried", Unhurried);
  tasks.Add("yielding", Yielding);
  tasks.Add("telling", Telling);
  tasks.Add("booking", Booking);
  tasks.Add("slow", Slow);
  tasks.Add("failing", [](TaskContext& context) {
    NoteRun(context);
    return TaskResult::Fail("as always");
  });
  tasks.Add("gated", Gated);
  tasks.Add("verbose", Verbose);
  tasks.Add("echo",
            [](TaskContext& context) { return TaskResult::Success(context.job().payload); });
  tasks.Add("ignoring", Ignoring);
}

// Puts the types of all events on record, each on a line, in the file that the test has named; and
// throws, which must not matter to anybody.
void RegisterTestEventHandlers(EventHandlers& handlers) {
  handlers.OnAll([](const Event&) { throw std::runtime_error("an event handler that throws"); });
  if (std::getenv("E2E_ENDLESS_EVENT_HANDLER") != nullptr) {
    handlers.On(EventType::kPoolStop, [](const Event&) {
      while (true) pause();
    });
  }
  const char* const path = std::getenv("E2E_EVENTS_FILE");
  if (path == nullptr) return;
  handlers.OnAll([path](const Event& event) {
    std::ofstream(path, std::ios::app) << EventTypeName(event.type) << "\n";
  });
}

}  // namespace

int main(int argc, char** argv) {
  return millrace::RunServer(argc, argv, RegisterTestTasks, RegisterTestEventHandlers);
}
