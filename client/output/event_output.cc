#include "client/output/event_output.h"

#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/output/job_output.h"
#include "client/output/names.h"
#include "client/output/style.h"
#include "client/output/text.h"
#include "client/output/time_text.h"

namespace millrace::cli {
namespace {

JsonObject JobEventJson(const JobEventData& data) {
  JsonObject json;
  json.Add("job_id", data.job_id)
      .Add("task_identifier", data.task_identifier)
      .Add("attempt", data.attempt)
      .Add("max_attempts", data.max_attempts)
      .Add("duration", data.duration)
      .Add("queue_time", data.queue_time)
      .Add("error", data.error)
      .Add("next_run_at", data.next_run_at)
      .Add("queue_name", data.queue_name)
      .Add("flags", data.flags);
  if (data.progress == nullptr) {
    json.AddNull("progress");
  } else {
    json.AddObject("progress", ProgressJson(*data.progress));
  }
  if (data.partial_success == nullptr) return json.AddNull("partial_success");
  return json.AddObject("partial_success", PartialSuccessJson(*data.partial_success));
}

std::string PartialText(const PartialSuccess& partial) {
  return absl::StrCat(partial.completed_steps.size(), " steps done, ", partial.failed_steps.size(),
                      " failed",
                      partial.retry_from_step.empty() ? "" : ", next: ", partial.retry_from_step);
}

std::string JobText(const JobEventData& data, bool colored) {
  std::vector<std::string> parts = {
      absl::StrCat("job ", data.job_id, " ", VisibleText(data.task_identifier)),
      absl::StrCat("attempt ", data.attempt, "/", data.max_attempts)};
  if (data.duration > absl::ZeroDuration()) parts.push_back("ran " + DurationText(data.duration));
  if (data.queue_time > absl::ZeroDuration()) {
    parts.push_back("waited " + DurationText(data.queue_time));
  }
  if (!data.queue_name.empty()) parts.push_back("queue " + VisibleText(data.queue_name));
  if (data.partial_success != nullptr) {
    parts.push_back(VisibleText(PartialText(*data.partial_success)));
  }
  if (data.progress != nullptr) parts.push_back(VisibleText(ProgressText(*data.progress)));
  if (data.next_run_at.has_value()) parts.push_back("again at " + TimeText(*data.next_run_at));
  std::string line = absl::StrJoin(parts, ", ");
  if (!data.error.empty()) line += ": " + Styled(VisibleText(data.error), Style::kBad, colored);
  return line;
}

// What is told of an event after its type.
struct DataText {
  const std::string& type;
  bool colored;

  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(const PoolEventData& data) const {
    if (type == "pool/start") return absl::StrCat(data.concurrency, " workers");
    return data.forced ? "forced" : "graceful";
  }
  std::string operator()(const JobEventData& data) const { return JobText(data, colored); }
  std::string operator()(const WorkerErrorData& data) const {
    return absl::StrCat(VisibleText(data.operation), ": ", VisibleText(data.error));
  }
};

}  // namespace

JsonObject EventJson(const client::FeedEvent& event, const std::string& incarnation) {
  JsonObject json;
  json.AddUnsigned("sequence", event.sequence)
      .Add("type", event.type)
      .Add("emitted_at", event.emitted_at)
      .Add("worker_id", event.worker_id)
      .Add("incarnation", incarnation);
  if (const auto* pool = std::get_if<PoolEventData>(&event.data)) {
    json.AddObject(
        "pool", JsonObject().Add("concurrency", pool->concurrency).AddBool("forced", pool->forced));
  } else if (const auto* job = std::get_if<JobEventData>(&event.data)) {
    json.AddObject("job", JobEventJson(*job));
  } else if (const auto* error = std::get_if<WorkerErrorData>(&event.data)) {
    json.AddObject("worker_error",
                   JsonObject().Add("operation", error->operation).Add("error", error->error));
  }
  return json;
}

JsonObject GapJson(const client::FeedGap& gap, const std::string& incarnation) {
  return JsonObject()
      .AddObject("gap", JsonObject()
                            .AddUnsigned("first_missing", gap.first_missing)
                            .AddUnsigned("last_missing", gap.last_missing)
                            .Add("reason", gap.reason))
      .Add("incarnation", incarnation);
}

std::string EventLine(const client::FeedEvent& event, bool colored) {
  const std::string type = VisibleText(event.type);
  const std::string padding(type.size() < 19 ? 19 - type.size() : 0, ' ');
  std::string line =
      absl::StrCat(ClockText(event.emitted_at), absl::StrFormat(" %7d  ", event.sequence),
                   Styled(type, StyleOfEvent(event.type), colored));
  const std::string text = std::visit(DataText{event.type, colored}, event.data);
  return text.empty() ? line : absl::StrCat(line, padding, " ", text);
}

std::string GapLine(const client::FeedGap& gap, bool colored) {
  const bool restarted = gap.reason == "incarnation";
  std::string text = restarted ? "the server was restarted" : "";
  if (gap.first_missing <= gap.last_missing) {
    absl::StrAppend(&text, restarted ? "; " : "", "events ", gap.first_missing, " to ",
                    gap.last_missing, " are missing");
    if (!restarted) absl::StrAppend(&text, " (", VisibleText(gap.reason), ")");
  }
  return Styled(absl::StrCat("-- ", text, " --"), Style::kWarning, colored);
}

}  // namespace millrace::cli
