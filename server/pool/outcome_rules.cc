#include "server/pool/outcome_rules.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "server/model/job_spec.h"
#include "server/model/outcome_limits.h"
#include "server/model/utf8.h"

namespace millrace {
namespace {

// No handler's own delay is longer.
constexpr absl::Duration kLongestDelay = absl::Hours(24 * 365);

// Negative and infinite delays come from arithmetic in handlers; they must not harm the batch. In
// whole milliseconds, as the store keeps them, so that the time told is the time of the retry.
absl::Duration Held(absl::Duration delay) {
  return absl::Ceil(std::clamp(delay, absl::ZeroDuration(), kLongestDelay), absl::Milliseconds(1));
}

AttemptReport ReportFor(const ClaimedJob& claimed, const AttemptCourse& course) {
  AttemptReport report;
  report.claim_id = claimed.claim_id;
  report.job_id = claimed.job.id;
  report.attempt = claimed.job.attempt;
  report.execution_time = course.execution_time;
  report.queue_time = course.queue_time;
  report.plain = claimed.plain;
  return report;
}

// Ok, or why the database could not keep it.
absl::Status CleanPartialSuccess(PartialSuccess& partial) {
  size_t bytes = 0;
  for (std::vector<std::string>* steps : {&partial.completed_steps, &partial.failed_steps}) {
    if (steps->size() > OutcomeLimits::kSteps) {
      return absl::InvalidArgumentError(
          absl::StrCat("steps: at most ", OutcomeLimits::kSteps, ", got ", steps->size()));
    }
    for (std::string& step : *steps) {
      step = CleanUtf8(step, OutcomeLimits::kStepBytes);
      bytes += step.size();
    }
  }
  if (bytes > OutcomeLimits::kAllStepsBytes) {
    return absl::InvalidArgumentError(absl::StrCat("steps: at most ", OutcomeLimits::kAllStepsBytes,
                                                   " bytes in all, got ", bytes));
  }
  partial.retry_from_step = CleanUtf8(partial.retry_from_step, OutcomeLimits::kStepBytes);
  if (partial.results.empty()) return absl::OkStatus();
  return ValidateJsonObject(partial.results, OutcomeLimits::kResultBytes, "results");
}

// The result, or the failure that it becomes because the database could not keep what it brings.
TaskResult Checked(TaskResult result, std::optional<PartialSuccess>& partial) {
  absl::Status valid;
  if (result.kind() == TaskResult::Kind::kSuccess && !result.result().empty()) {
    valid = ValidateJsonValue(result.result(), OutcomeLimits::kResultBytes, "result");
  } else if (result.kind() == TaskResult::Kind::kPartialSuccess) {
    partial = result.partial_success();
    valid = CleanPartialSuccess(*partial);
  }
  if (valid.ok()) return result;
  partial.reset();
  return TaskResult::Fail(
      absl::StrCat("the handler's result cannot be kept: ", std::string(valid.message())));
}

void SetError(AttemptReport& report, const std::string& message, const std::string& detail) {
  report.error_message = CleanUtf8(message, OutcomeLimits::kMessageBytes);
  report.error_detail = CleanUtf8(detail, OutcomeLimits::kDetailBytes);
}

absl::Duration Backoff(const RetryPolicy& retry, int attempt) {
  absl::InsecureBitGen random;
  return retry.DelayAfter(attempt, random);
}

// Failed, or partly done: waits for its retry, or is exhausted.
void EndUnfinished(const OutcomeRules& rules, const ClaimedJob& claimed,
                   const std::optional<absl::Duration>& own_delay, AttemptReport& report) {
  report.exhausted = claimed.job.attempt >= claimed.job.max_attempts;
  if (report.exhausted) return;
  report.delay =
      Held(own_delay.has_value() ? *own_delay : Backoff(rules.retry, claimed.job.attempt));
}

void EndFailed(const OutcomeRules& rules, const ClaimedJob& claimed, const TaskResult& result,
               const AttemptCourse& course, AttemptReport& report) {
  report.outcome = AttemptOutcome::kFailed;
  SetError(report, result.message(), result.detail());
  if (course.asked == StopReason::kTimeout) {
    const std::string said = result.message().empty() ? "" : "the handler: " + result.message();
    const std::string between = said.empty() || result.detail().empty() ? "" : "\n";
    SetError(report,
             absl::StrCat("timed out after ", absl::ToInt64Milliseconds(course.time_limit), " ms"),
             said + between + result.detail());
  } else if (course.asked == StopReason::kPoolStops) {
    if (claimed.interruptions < rules.max_interruptions) {
      report.outcome = AttemptOutcome::kInterrupted;
      return;
    }
    SetError(report, absl::StrCat("interrupted more than ", rules.max_interruptions, " times"),
             result.message());
  }
  const bool failed = result.kind() == TaskResult::Kind::kFail;
  EndUnfinished(rules, claimed, failed ? result.delay() : std::nullopt, report);
}

// A pool that stops must not spend the last attempt of a job that had got on.
bool IsInterrupted(const OutcomeRules& rules, const ClaimedJob& claimed,
                   const AttemptCourse& course) {
  return course.asked == StopReason::kPoolStops &&
         claimed.job.attempt >= claimed.job.max_attempts &&
         claimed.interruptions < rules.max_interruptions;
}

}  // namespace

AttemptReport OutcomeRules::Report(const ClaimedJob& claimed, TaskResult result,
                                   const AttemptCourse& course) const {
  AttemptReport report = ReportFor(claimed, course);
  const bool timed_out = course.asked == StopReason::kTimeout;
  const TaskResult checked = Checked(std::move(result), report.partial_success);
  switch (checked.kind()) {
    case TaskResult::Kind::kSuccess:
      report.outcome = AttemptOutcome::kCompleted;
      report.result = checked.result();
      return report;
    case TaskResult::Kind::kPartialSuccess:
      if (IsInterrupted(*this, claimed, course)) {
        report.outcome = AttemptOutcome::kInterrupted;
        return report;
      }
      report.outcome = AttemptOutcome::kPartialSuccess;
      EndUnfinished(*this, claimed, std::nullopt, report);
      return report;
    case TaskResult::Kind::kCancel:
      report.outcome = AttemptOutcome::kCancelled;
      SetError(report, checked.message(), checked.detail());
      return report;
    case TaskResult::Kind::kSnooze:
      if (timed_out) break;
      report.outcome = AttemptOutcome::kSnoozed;
      report.delay = Held(checked.delay().value_or(absl::ZeroDuration()));
      return report;
    case TaskResult::Kind::kFail:
      break;
  }
  EndFailed(*this, claimed, checked, course, report);
  return report;
}

AttemptReport OutcomeRules::ReportNoHandler(const ClaimedJob& claimed, absl::Duration queue_time) {
  AttemptCourse course;
  course.queue_time = queue_time;
  AttemptReport report = ReportFor(claimed, course);
  report.outcome = AttemptOutcome::kFailed;
  report.exhausted = true;
  report.error_message = "no handler registered";
  return report;
}

}  // namespace millrace
