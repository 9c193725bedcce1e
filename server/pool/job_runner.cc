#include "server/pool/job_runner.h"

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <typeinfo>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/logging.h"

namespace millrace {
namespace {

// The type's name as it stands in the source.
std::string TypeName(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  return name == nullptr ? type.name() : name.get();
}

// The only place where exceptions of handlers are caught.
TaskResult CallCatching(const TaskHandler& handler, TaskContext& context) {
  try {
    return handler(context);
  } catch (const std::exception& thrown) {
    return TaskResult::Fail(thrown.what(), "thrown: " + TypeName(typeid(thrown)));
  } catch (...) {
    return TaskResult::Fail("the handler threw something that is not a std::exception");
  }
}

absl::Duration Deadline(absl::Duration started, absl::Duration time_limit) {
  return time_limit == absl::ZeroDuration() ? absl::InfiniteDuration() : started + time_limit;
}

}  // namespace

JobRunner::JobRunner(const PoolConfig& config, const TaskTable& tasks, const LeaseState& lease,
                     WorkerSlots& slots, DeadlineWatch& watch, OutcomeRecorder& recorder,
                     AttemptContext::Parts parts)
    : config_(config),
      tasks_(tasks),
      lease_(lease),
      slots_(slots),
      watch_(watch),
      recorder_(recorder),
      parts_(std::move(parts)),
      clock_(parts_.clock) {}

JobRunner::Ended JobRunner::Run(QueuedJob job, WorkerSlot& slot) {
  const TaskTable::Entry& entry = tasks_.Find(job.claimed.job.task_identifier);
  absl::Duration started = clock_.Monotonic();
  AttemptCourse course;
  if (entry.task == nullptr) {
    course.queue_time = job.claimed.queue_time_at_claim + (started - job.claimed_at);
    AttemptReport report = OutcomeRules::ReportNoHandler(job.claimed, course.queue_time);
    Finish(std::move(job), std::move(report), entry.metrics.get());
    return Ended::kFinished;
  }
  const Limits limits = LimitsOf(*entry.task);
  if (!BeginAttempt(job, slot, started, limits.time)) return Ended::kNotRun;
  AttemptContext context(job.claimed, slot, parts_);
  TaskResult result = CallHandler(*entry.task, context);
  course.asked = slot.End();
  course.time_limit = limits.time;
  course.execution_time = clock_.Monotonic() - started;
  course.queue_time = job.claimed.queue_time_at_claim + (started - job.claimed_at);
  const OutcomeRules rules{*limits.retry, config_.max_interruptions};
  return EndAttempt(job, std::move(result), course, rules, context, entry.metrics.get());
}

JobRunner::Ended JobRunner::EndAttempt(QueuedJob& job, TaskResult result,
                                       const AttemptCourse& course, const OutcomeRules& rules,
                                       AttemptContext& context, TaskMetrics* metrics) {
  const bool had_progress = context.EndProgress();
  const auto report_of = [&](TaskResult of) {
    AttemptReport report = rules.Report(job.claimed, std::move(of), course);
    report.plain = report.plain && !had_progress;
    return report;
  };
  AttemptReport report = report_of(std::move(result));
  if (context.transaction() != nullptr && report.outcome == AttemptOutcome::kCompleted) {
    const Completion completion =
        context.transaction()->store_transaction().Complete(job.worker, report);
    if (completion.ending == Completion::Ending::kRolledBack) {
      report = report_of(TaskResult::Fail(
          absl::StrCat("its transaction was not committed: ", completion.error.message())));
    } else {
      const bool added = context.transaction()->has_added_due_jobs();
      AttemptReport otherwise = report_of(TaskResult::Fail(
          "its transaction was not committed: the connection to the database was lost"));
      AddCompletion(std::move(job), completion, std::move(report), std::move(otherwise), metrics);
      if (added) parts_.on_added();
      return Ended::kFinished;
    }
  }
  // Rolled back before anybody else can have the job.
  context.EndTransaction();
  const bool interrupted = report.outcome == AttemptOutcome::kInterrupted;
  Finish(std::move(job), std::move(report), metrics);
  return interrupted ? Ended::kInterrupted : Ended::kFinished;
}

JobRunner::Limits JobRunner::LimitsOf(const TaskRegistry::Task& task) const {
  return {task.options.timeout.value_or(config_.max_job_execution_time),
          task.options.retry.has_value() ? &*task.options.retry : &config_.retry};
}

bool JobRunner::MayStart(const QueuedJob& job, absl::Duration now) const {
  return !refuse_starts_ && lease_.MayStart(job.worker, now);
}

bool JobRunner::BeginAttempt(QueuedJob& job, WorkerSlot& slot, absl::Duration& started,
                             absl::Duration time_limit) {
  const bool last = job.claimed.job.attempt >= job.claimed.job.max_attempts;
  // The time limit of a last attempt begins once its start is on record.
  absl::Duration deadline = Deadline(started, last ? absl::ZeroDuration() : time_limit);
  slot.Begin(job.claimed, started, deadline);
  // Looked at after the attempt stands in its slot: whoever stops or ends the lease does it in the
  // other order, and so either is seen here or reaches the attempt.
  if (!MayStart(job, clock_.Monotonic())) {
    GiveBack(job, slot);
    return false;
  }
  if (last) {
    if (!RecordLastStart(job, slot)) return false;
    // The database may have taken its time.
    if (!MayStart(job, clock_.Monotonic())) {
      GiveBack(job, slot);
      return false;
    }
    started = clock_.Monotonic();
    deadline = Deadline(started, time_limit);
    slot.Restart(started, deadline);
  }
  watch_.LookAt(deadline);
  return true;
}

bool JobRunner::RecordLastStart(QueuedJob& job, WorkerSlot& slot) {
  switch (recorder_.RecordStart(job.hold(), slot.stop_token())) {
    case OutcomeRecorder::StartAnswer::kRecorded:
      return true;
    case OutcomeRecorder::StartAnswer::kRefused:
      slot.End();
      spdlog::warn("pool: job {} ({}) is not run: the claim no longer holds it", job.claimed.job.id,
                   job.claimed.job.task_identifier);
      return false;
    case OutcomeRecorder::StartAnswer::kBrokenOff:
      break;
  }
  GiveBack(job, slot);
  return false;
}

void JobRunner::GiveBack(QueuedJob& job, WorkerSlot& slot) {
  slot.End();
  recorder_.GiveBack(std::move(job).ToBatch(), /*stale=*/false);
}

TaskResult JobRunner::CallHandler(const TaskRegistry::Task& task, AttemptContext& context) {
  slots_.active().fetch_add(1);
  TaskResult result = CallCatching(task.handler, context);
  slots_.active().fetch_sub(1);
  return result;
}

void JobRunner::AddCompletion(QueuedJob job, const Completion& completion, AttemptReport report,
                              AttemptReport otherwise, TaskMetrics* metrics) {
  switch (completion.ending) {
    case Completion::Ending::kRecorded:
      recorder_.AddSettled(MakeFinished(std::move(job), std::move(report), metrics),
                           RecordVerdict::kAccepted, completion.recorded_at);
      return;
    case Completion::Ending::kClaimLost:
      recorder_.AddSettled(MakeFinished(std::move(job), std::move(report), metrics),
                           RecordVerdict::kStale, clock_.Now());
      return;
    case Completion::Ending::kRolledBack:
    case Completion::Ending::kUnknown:
      break;
  }
  FinishedAttempt completed = MakeFinished(job, std::move(report), metrics);
  recorder_.AddInDoubt(std::move(completed),
                       MakeFinished(std::move(job), std::move(otherwise), metrics));
}

FinishedAttempt JobRunner::MakeFinished(QueuedJob job, AttemptReport report, TaskMetrics* metrics) {
  FinishedAttempt finished;
  finished.worker = job.worker;
  JobEventData& event = finished.notice.event;
  event.job_id = job.claimed.job.id;
  event.task_identifier = std::move(job.claimed.job.task_identifier);
  event.attempt = job.claimed.job.attempt;
  event.max_attempts = job.claimed.job.max_attempts;
  event.duration = report.execution_time;
  event.queue_time = report.queue_time;
  event.error = report.error_message;
  event.queue_name = std::move(job.claimed.job.queue_name);
  event.flags = std::move(job.claimed.job.flags);
  finished.notice.metrics = metrics;
  finished.report = std::move(report);
  return finished;
}

void JobRunner::Finish(QueuedJob job, AttemptReport report, TaskMetrics* metrics) {
  recorder_.Add(MakeFinished(std::move(job), std::move(report), metrics));
}

}  // namespace millrace
