#include "server/store/postgres/job_rows.h"

#include <string_view>

#include "server/store/postgres/attempt_reports.h"
#include "server/store/postgres/postgres_text.h"

namespace millrace {
namespace {

// In the order of JobState.
constexpr std::string_view kStateLetters = "rsfhxck";

}  // namespace

JobDetails ReadJobDetails(const pqxx::row& row) {
  JobDetails details;
  Job& job = details.job;
  job.id = row["id"].as<JobId>();
  job.task_identifier = row["task_identifier"].c_str();
  job.payload = row["payload"].c_str();
  job.priority = row["priority"].as<int>();
  job.attempt = row["attempt"].as<int>();
  job.max_attempts = row["max_attempts"].as<int>();
  job.queue_name = row["queue_name"].c_str();
  job.run_at = ParseTimestamp(row["run_at"].c_str());
  job.created_at = ParseTimestamp(row["created_at"].c_str());
  job.flags = StringsFromJson(row["flags"].c_str());
  job.job_key = row["job_key"].c_str();
  job.correlation_id = row["correlation_id"].c_str();
  job.metadata = row["metadata"].c_str();
  details.state = static_cast<JobState>(kStateLetters.find(row["state"].c_str()[0]));
  if (!row["finished_at"].is_null())
    details.finished_at = ParseTimestamp(row["finished_at"].c_str());
  details.last_error = row["error_message"].c_str();
  details.worker_id = row["worker_id"].c_str();
  details.cancel_reason = row["cancel_reason"].c_str();
  details.fail_reason = row["fail_reason"].c_str();
  if (!row["reported_at"].is_null()) {
    details.progress = {{row["percent"].as<double>(), row["progress_message"].c_str(),
                         CountersFromJson(row["counters"].c_str())},
                        ParseTimestamp(row["reported_at"].c_str())};
  }
  return details;
}

Attempt ReadAttempt(const pqxx::row& row) {
  Attempt attempt;
  attempt.attempt = row["attempt"].as<int>();
  attempt.outcome = OutcomeOfLetter(row["outcome"].c_str()[0]);
  attempt.worker_id = row["worker_id"].c_str();
  attempt.finished_at = ParseTimestamp(row["finished_at"].c_str());
  attempt.execution_time = absl::Microseconds(row["execution_us"].as<int64_t>());
  attempt.queue_time = absl::Microseconds(row["queue_us"].as<int64_t>());
  attempt.error_message = row["error_message"].c_str();
  attempt.error_detail = row["error_detail"].c_str();
  attempt.result = row["result"].c_str();
  if (!row["partial_success"].is_null())
    attempt.partial_success =
        PartialSuccessFromJson(row["partial_success"].c_str(), row["partial_results"].c_str());
  return attempt;
}

void ReadMemories(PostgresConnection& connection, pqxx::transaction_base& transaction,
                  const std::map<JobId, size_t>& positions, std::vector<ClaimedJob>& claimed) {
  ArrayText ids;
  for (const auto& [id, position] : positions) ids.AddInteger(id);
  for (const auto& row : connection.Execute(transaction, "ReadMemories", ids.Take())) {
    ClaimedJob& job = claimed[positions.at(row[0].as<JobId>())];
    job.interruptions = row[1].as<int>();
    if (!row[2].is_null())
      job.last_partial_success = PartialSuccessFromJson(row[2].c_str(), row[3].c_str());
  }
}

}  // namespace millrace
