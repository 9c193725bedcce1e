#include "client/output/job_output.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/output/field_list.h"
#include "client/output/names.h"
#include "client/output/time_text.h"

namespace millrace::cli {
namespace {

// Where a table of jobs has room for whole times.
constexpr size_t kWideScreen = 120;

std::string AttemptText(const Job& job) { return absl::StrCat(job.attempt, "/", job.max_attempts); }

// In which steps it is, if it is a partial success.
std::string PartialText(const PartialSuccess& partial) {
  std::vector<std::string> parts;
  if (!partial.completed_steps.empty()) {
    parts.push_back("done: " + absl::StrJoin(partial.completed_steps, ", "));
  }
  if (!partial.failed_steps.empty()) {
    parts.push_back("failed: " + absl::StrJoin(partial.failed_steps, ", "));
  }
  if (!partial.retry_from_step.empty()) parts.push_back("next: " + partial.retry_from_step);
  return absl::StrJoin(parts, "; ");
}

// What came of an attempt, in the words of its handler.
std::string Remark(const Attempt& attempt) {
  std::vector<std::string> parts;
  if (!attempt.error_message.empty()) parts.push_back(attempt.error_message);
  if (!attempt.error_detail.empty()) parts.push_back(attempt.error_detail);
  if (attempt.partial_success.has_value()) parts.push_back(PartialText(*attempt.partial_success));
  if (!attempt.result.empty()) parts.push_back(attempt.result);
  return absl::StrJoin(parts, " | ");
}

void WriteFields(const JobDetails& details, absl::Time now, bool colored, std::ostream& out) {
  const Job& job = details.job;
  FieldList fields(colored);
  fields.Add("id", absl::StrCat(job.id));
  fields.Add("state", Name(details.state), StyleOf(details.state));
  fields.Add("task", job.task_identifier);
  fields.Add("attempt", AttemptText(job));
  fields.Add("priority", absl::StrCat(job.priority));
  fields.AddUnlessEmpty("queue", job.queue_name);
  fields.Add("run at", TimeWithAge(job.run_at, now));
  fields.Add("created at", TimeWithAge(job.created_at, now));
  if (details.finished_at.has_value()) {
    fields.Add("finished at", TimeWithAge(*details.finished_at, now));
  }
  fields.AddUnlessEmpty("held by", details.worker_id);
  if (details.progress.has_value()) {
    fields.Add("progress", absl::StrCat(ProgressText(details.progress->progress), ", ",
                                        Age(details.progress->reported_at, now)));
  }
  fields.AddUnlessEmpty("to be cancelled", details.cancel_reason, Style::kWarning);
  fields.AddUnlessEmpty("to be failed", details.fail_reason, Style::kWarning);
  fields.AddUnlessEmpty("last error", details.last_error, Style::kBad);
  fields.AddUnlessEmpty("key", job.job_key);
  fields.AddUnlessEmpty("flags", absl::StrJoin(job.flags, ", "));
  fields.AddUnlessEmpty("correlation id", job.correlation_id);
  fields.AddUnlessEmpty("metadata", job.metadata);
  fields.Add("payload", job.payload);
  fields.Write(out);
}

void WriteAttempts(const std::vector<Attempt>& attempts, absl::Time now, size_t screen_width,
                   bool colored, std::ostream& out) {
  Table table({{"ATTEMPT", Table::Align::kRight},
               {"OUTCOME"},
               {"FINISHED AT"},
               {"RAN FOR", Table::Align::kRight},
               {"WAITED FOR", Table::Align::kRight},
               {"WORKER ID", Table::Align::kLeft, 12},
               {"REMARK", Table::Align::kLeft, 20}},
              screen_width, colored);
  for (const Attempt& attempt : attempts) {
    table.AddRow({{absl::StrCat(attempt.attempt)},
                  {std::string(Name(attempt.outcome)), StyleOf(attempt.outcome)},
                  {TimeWithAge(attempt.finished_at, now)},
                  {DurationText(attempt.execution_time)},
                  {DurationText(attempt.queue_time)},
                  {attempt.worker_id},
                  {Remark(attempt)}});
  }
  table.Flush(out);
}

}  // namespace

JsonObject PartialSuccessJson(const PartialSuccess& partial) {
  return JsonObject()
      .Add("completed_steps", partial.completed_steps)
      .Add("failed_steps", partial.failed_steps)
      .Add("retry_from_step", partial.retry_from_step)
      .AddJson("results", partial.results);
}

JsonObject ProgressJson(const JobProgress& progress) {
  JsonObject counters;
  for (const auto& [name, count] : progress.counters) counters.Add(name, count);
  return JsonObject()
      .AddReal("percent", progress.percent)
      .Add("message", progress.message)
      .AddObject("counters", counters);
}

std::string ProgressText(const JobProgress& progress) {
  std::string text = absl::StrFormat("%.4g%%", progress.percent);
  if (!progress.message.empty()) absl::StrAppend(&text, " ", progress.message);
  std::vector<std::string> counts;
  for (const auto& [name, count] : progress.counters) {
    counts.push_back(absl::StrCat(count, " ", name));
  }
  if (!counts.empty()) absl::StrAppend(&text, " (", absl::StrJoin(counts, ", "), ")");
  return text;
}

JsonObject JobJson(const JobDetails& details) {
  const Job& job = details.job;
  JsonObject json;
  json.Add("id", job.id)
      .Add("task_identifier", job.task_identifier)
      .AddJson("payload", job.payload)
      .Add("state", Name(details.state))
      .Add("priority", job.priority)
      .Add("attempt", job.attempt)
      .Add("max_attempts", job.max_attempts)
      .Add("queue_name", job.queue_name)
      .Add("run_at", job.run_at)
      .Add("created_at", job.created_at)
      .Add("flags", job.flags)
      .Add("job_key", job.job_key)
      .Add("correlation_id", job.correlation_id)
      .AddJson("metadata", job.metadata)
      .Add("finished_at", details.finished_at)
      .Add("last_error", details.last_error)
      .Add("worker_id", details.worker_id)
      .Add("cancel_reason", details.cancel_reason)
      .Add("fail_reason", details.fail_reason);
  if (!details.progress.has_value()) return json.AddNull("progress");
  return json.AddObject(
      "progress",
      ProgressJson(details.progress->progress).Add("reported_at", details.progress->reported_at));
}

JsonObject AttemptJson(const Attempt& attempt) {
  JsonObject json;
  json.Add("attempt", attempt.attempt)
      .Add("outcome", Name(attempt.outcome))
      .Add("worker_id", attempt.worker_id)
      .Add("finished_at", attempt.finished_at)
      .Add("execution_time", attempt.execution_time)
      .Add("queue_time", attempt.queue_time)
      .Add("error_message", attempt.error_message)
      .Add("error_detail", attempt.error_detail)
      .AddJson("result", attempt.result);
  if (!attempt.partial_success.has_value()) return json.AddNull("partial_success");
  return json.AddObject("partial_success", PartialSuccessJson(*attempt.partial_success));
}

Table MakeJobTable(size_t screen_width, bool colored) {
  return Table({{"ID", Table::Align::kRight},
                {"STATE"},
                {"TASK", Table::Align::kLeft, 12},
                {"QUEUE", Table::Align::kLeft, 8},
                {"PRI", Table::Align::kRight},
                {"ATTEMPT", Table::Align::kRight},
                {"RUN AT"},
                {"LAST ERROR", Table::Align::kLeft, 10}},
               screen_width, colored);
}

void AddJobRow(const JobDetails& details, absl::Time now, Table& table) {
  const bool narrow = table.screen_width() > 0 && table.screen_width() < kWideScreen;
  const Job& job = details.job;
  table.AddRow({{absl::StrCat(job.id)},
                {std::string(Name(details.state)), StyleOf(details.state)},
                {job.task_identifier},
                {job.queue_name},
                {absl::StrCat(job.priority)},
                {AttemptText(job)},
                {narrow ? Age(job.run_at, now) : TimeWithAge(job.run_at, now)},
                {details.last_error, Style::kBad}});
}

void WriteJob(const client::JobWithAttempts& job, absl::Time now, size_t screen_width, bool colored,
              std::ostream& out) {
  WriteFields(job.job, now, colored, out);
  if (job.attempts.empty()) return;
  out << '\n';
  WriteAttempts(job.attempts, now, screen_width, colored, out);
}

}  // namespace millrace::cli
