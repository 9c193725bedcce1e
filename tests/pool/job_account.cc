#include "tests/pool/job_account.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace millrace {
namespace {

// More than any job here has.
constexpr int kAttempts = 100;

std::string StateName(JobState state) {
  constexpr std::array kNames = {"ready",     "scheduled", "queued behind", "held",
                                 "exhausted", "completed", "cancelled"};
  return kNames[static_cast<size_t>(state)];
}

std::string OutcomeName(AttemptOutcome outcome) {
  constexpr std::array kNames = {"completed",   "failed", "partial success", "snoozed", "cancelled",
                                 "interrupted", "lost"};
  return kNames[static_cast<size_t>(outcome)];
}

std::string Listed(const PartialSuccess& partial) {
  return absl::StrCat("done ", absl::StrJoin(partial.completed_steps, ","), "; failed ",
                      absl::StrJoin(partial.failed_steps, ","), "; next ", partial.retry_from_step,
                      "; results ", partial.results);
}

std::string DescribeJob(const JobDetails& details, const std::vector<Attempt>& history) {
  const bool ended = details.state == JobState::kExhausted ||
                     details.state == JobState::kCompleted || details.state == JobState::kCancelled;
  EXPECT_EQ(details.finished_at.has_value(), ended);
  std::string text = StateName(details.state);
  if (details.state == JobState::kScheduled && !history.empty()) {
    // Exactly so much after the recording, on the database's clock.
    absl::StrAppend(&text, " ",
                    absl::FormatDuration(details.job.run_at - history.back().finished_at),
                    " later");
  }
  if (!details.worker_id.empty()) absl::StrAppend(&text, " by ", details.worker_id);
  absl::StrAppend(&text, ", ", details.job.attempt, " of ", details.job.max_attempts, " attempts");
  if (!details.last_error.empty()) absl::StrAppend(&text, ", last error: ", details.last_error);
  return text;
}

std::string Describe(const Attempt& attempt) {
  std::string text = absl::StrCat("attempt ", attempt.attempt, " ", OutcomeName(attempt.outcome),
                                  " in ", absl::FormatDuration(attempt.execution_time));
  if (attempt.worker_id.empty())
    absl::StrAppend(&text, " by nobody");
  else if (attempt.worker_id != "worker-id")
    absl::StrAppend(&text, " by ", attempt.worker_id);
  if (!attempt.error_message.empty()) absl::StrAppend(&text, ": ", attempt.error_message);
  if (!attempt.error_detail.empty()) absl::StrAppend(&text, " | ", attempt.error_detail);
  if (!attempt.result.empty()) absl::StrAppend(&text, "; result ", attempt.result);
  if (attempt.partial_success.has_value())
    absl::StrAppend(&text, "; ", Listed(*attempt.partial_success));
  return text;
}

std::string Describe(EventType type, const JobEventData& data) {
  std::string text = absl::StrCat(std::string(EventTypeName(type)), " attempt ", data.attempt,
                                  " in ", absl::FormatDuration(data.duration));
  if (!data.error.empty()) absl::StrAppend(&text, ": ", data.error);
  if (data.partial_success != nullptr) absl::StrAppend(&text, "; ", Listed(*data.partial_success));
  if (data.next_run_at.has_value()) absl::StrAppend(&text, "; runs again");
  return text;
}

// Events of attempts that left no record, or none that is theirs.
bool SpeaksOfNoRecord(EventType type) {
  return type == EventType::kJobTimeout || type == EventType::kJobRescued ||
         type == EventType::kJobStaleOutcome || type == EventType::kWorkerStuck;
}

bool IsOf(const JobEventData& event, const Attempt& attempt) {
  return event.attempt == attempt.attempt && event.error == attempt.error_message &&
         absl::Trunc(event.duration, absl::Microseconds(1)) == attempt.execution_time &&
         absl::Trunc(event.queue_time, absl::Microseconds(1)) == attempt.queue_time;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const JobAccount& account) {
  return out << "\n  job:     " << account.job
             << "\n  history: " << absl::StrJoin(account.history, "\n           ")
             << "\n  queue:   " << account.queue_head
             << "\n  events:  " << absl::StrJoin(account.events, "\n           ")
             << "\n  stats:   " << account.stats;
}

JobAccount JobAuditor::Account(JobId id, const PoolStats& stats) {
  const absl::StatusOr<JobDetails> details = jobs_.GetJob(id);
  absl::StatusOr<std::vector<Attempt>> history = jobs_.ListAttempts(id, kAttempts);
  EXPECT_TRUE(details.ok() && history.ok()) << details.status() << history.status();
  if (!details.ok() || !history.ok()) return {};
  std::reverse(history->begin(), history->end());
  JobAccount account;
  account.job = DescribeJob(*details, *history);
  for (const Attempt& attempt : *history) account.history.push_back(Describe(attempt));
  account.queue_head = DescribeQueueHead(details->job);
  account.events = DescribeEvents(*details, *history);
  account.stats = DescribeStats(stats);
  return account;
}

std::string JobAuditor::DescribeQueueHead(const Job& job) {
  if (job.queue_name.empty()) return "";
  const std::string head = schema_.Query(
      absl::StrCat("select head from {schema}.queue where name = '", job.queue_name, "'"));
  if (head.empty()) return "nobody";
  const JobId id = std::stoll(head);
  const absl::StatusOr<JobDetails> details = jobs_.GetJob(id);
  EXPECT_TRUE(details.ok()) << details.status();
  if (!details.ok()) return "a job that does not exist";
  EXPECT_TRUE(details->state == JobState::kReady || details->state == JobState::kHeld)
      << "the head of the queue is " << StateName(details->state);
  return id == job.id ? "itself" : "the next one";
}

std::vector<std::string> JobAuditor::DescribeEvents(const JobDetails& details,
                                                    const std::vector<Attempt>& history) {
  std::vector<std::string> texts;
  for (const Event& event : events_.All()) {
    const auto* data = std::get_if<JobEventData>(&event.data);
    if (data == nullptr || data->job_id != details.job.id) continue;
    texts.push_back(Describe(event.type, *data));
    EXPECT_EQ(data->task_identifier, details.job.task_identifier) << texts.back();
    EXPECT_EQ(data->max_attempts, details.job.max_attempts) << texts.back();
    EXPECT_EQ(data->queue_name, details.job.queue_name) << texts.back();
    EXPECT_EQ(data->flags, details.job.flags) << texts.back();
    EXPECT_TRUE(SpeaksOfNoRecord(event.type) ||
                std::any_of(history.begin(), history.end(),
                            [data](const Attempt& attempt) { return IsOf(*data, attempt); }))
        << "not on record so: " << texts.back();
    if (data->next_run_at.has_value() && details.state == JobState::kScheduled) {
      EXPECT_EQ(*data->next_run_at, details.job.run_at) << texts.back();
    }
  }
  return texts;
}

std::string JobAuditor::DescribeStats(const PoolStats& stats) {
  EXPECT_EQ(stats.errors, static_cast<int64_t>(events_.OfType(EventType::kWorkerError).size()));
  const std::vector<std::pair<std::string, int64_t>> counters = {
      {"claimed", stats.claimed},
      {"completed", stats.completed},
      {"failed", stats.failed},
      {"interrupted", stats.interrupted},
      {"given back", stats.given_back},
      {"stale returned", stats.stale_returned},
      {"still active", stats.active},
      {"still buffered", stats.buffered},
      {"stuck", stats.stuck}};
  std::vector<std::string> texts;
  for (const auto& [name, count] : counters) {
    if (count != 0) texts.push_back(absl::StrCat(name, " ", count));
  }
  if (stats.errors != 0) texts.emplace_back("errors");
  return absl::StrJoin(texts, ", ");
}

}  // namespace millrace
