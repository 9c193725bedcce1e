#include "tests/pool/stress_tasks.h"

#include <array>
#include <stdexcept>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/clock.h"

namespace millrace {
namespace {

constexpr std::array kTasks = {"quick",    "patient", "partial", "failing",
                               "snoozing", "deaf",    "telling", "booking"};
constexpr std::array kFlags = {"red", "green", "blue"};

template <size_t Size>
std::vector<std::string> Some(const std::array<const char*, Size>& all, Dice& dice) {
  std::vector<std::string> some;
  for (const char* const one : all) {
    if (dice.Below(3) == 0) some.emplace_back(one);
  }
  return some;
}

// Differs from job to job.
absl::Duration Moment(const TaskContext& context) {
  return absl::Milliseconds(context.job().id % 30);
}

TaskResult AskedToStop() { return TaskResult::Fail("asked to stop"); }

TaskResult Patient(TaskContext& context) {
  if (!context.WaitFor(Moment(context))) throw std::runtime_error("asked to stop");
  return TaskResult::Success("1");
}

TaskResult Partial(TaskContext& context) {
  if (context.last_partial_success().has_value()) return TaskResult::Success();
  return TaskResult::PartiallyDone({{"first"}, {}, "second", "{}"});
}

// For longer than the grace, whatever it is asked: a straggler.
TaskResult Deaf(TaskContext& context) {
  Mutex mutex;
  CondVar nobody_notifies;
  MutexLock lock(mutex);
  SystemClock().WaitFor(mutex, nobody_notifies, Moment(context), [] { return false; });
  return TaskResult::Success();
}

TaskResult Tell(TaskContext& context) {
  for (int step = 0; step < 4; ++step) {
    const absl::Status told =
        context.ReportProgress(25.0 * step, absl::StrCat("step ", step), {{"steps", step}});
    if (!told.ok()) return TaskResult::Fail(std::string(told.message()));
    if (!context.WaitFor(Moment(context))) return AskedToStop();
  }
  return TaskResult::Success();
}

}  // namespace

void StressTasks::Add(TaskRegistry& tasks, const std::string& name,
                      const std::function<TaskResult(TaskContext&)>& act) {
  tasks.Add(name, [this, act](TaskContext& context) {
    const RunLedger::Run run(ledger_, context.job());
    return act(context);
  });
}

void StressTasks::AddTo(TaskRegistry& tasks) {
  Add(tasks, "quick", [](TaskContext&) { return TaskResult::Success(); });
  Add(tasks, "patient", Patient);
  Add(tasks, "partial", Partial);
  Add(tasks, "failing", [](TaskContext&) { return TaskResult::Fail("as always"); });
  Add(tasks, "snoozing", [this](TaskContext& context) {
    if (ledger_.CountRunsOf(context.job().id) > 1) return TaskResult::Success();
    return TaskResult::Snooze(absl::Milliseconds(5));
  });
  Add(tasks, "deaf", Deaf);
  Add(tasks, "telling", Tell);
  Add(tasks, "booking", [this](TaskContext& context) { return Book(context); });
}

TaskResult StressTasks::Book(TaskContext& context) const {
  const absl::StatusOr<TaskTransaction*> begun = context.BeginTransaction();
  if (!begun.ok()) return TaskResult::Fail(std::string(begun.status().message()));
  const std::string sql = absl::StrCat("insert into ", bookings_, " values ($1)");
  const absl::Status booked =
      (*begun)->Execute(SqlText::MadeAtRunTime(sql), {absl::StrCat(context.job().id)}).status();
  if (!booked.ok()) return TaskResult::Fail(std::string(booked.message()));
  const absl::Status added = (*begun)->AddJob({.task_identifier = "quick"}).status();
  if (!added.ok()) return TaskResult::Fail(std::string(added.message()));
  if (!context.WaitFor(Moment(context))) return AskedToStop();
  // What a first attempt wrote is undone.
  if (context.job().attempt == 1 && context.job().id % 3 == 0) return TaskResult::Fail("not yet");
  return TaskResult::Success();
}

JobSpec StressTasks::RandomSpec(Dice& dice) {
  JobSpec spec;
  spec.task_identifier = kTasks[dice.Below(kTasks.size())];
  spec.priority = static_cast<int>(dice.Below(3));
  spec.max_attempts = spec.task_identifier == "failing" ? 2 : 25;
  if (dice.Below(4) == 0) spec.max_attempts = 1;
  if (dice.Below(4) == 0) spec.queue_name = absl::StrCat("queue", dice.Below(5));
  if (dice.Below(4) == 0) spec.flags = {kFlags[dice.Below(kFlags.size())]};
  return spec;
}

std::vector<std::string> StressTasks::RandomTasks(Dice& dice) { return Some(kTasks, dice); }

std::vector<std::string> StressTasks::RandomFlags(Dice& dice) { return Some(kFlags, dice); }

}  // namespace millrace
