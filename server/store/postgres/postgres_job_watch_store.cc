#include "server/store/postgres/postgres_job_watch_store.h"

#include <map>

#include "server/store/postgres/job_rows.h"
#include "server/store/postgres/postgres_text.h"

namespace millrace {

absl::StatusOr<std::vector<JobId>> PostgresJobWatchStore::FindEnded(const std::vector<JobId>& ids,
                                                                    const CallLimit& call) {
  std::vector<JobId> ended;
  absl::Status ran = database_.Run("ended_jobs", call, [&](PostgresConnection& connection) {
    ended.clear();
    pqxx::nontransaction transaction(connection.raw());
    for (const auto& row : connection.Execute(transaction, "EndedJobs", IntegerArray(ids)))
      ended.push_back(row[0].as<JobId>());
  });
  if (!ran.ok()) return ran;
  return ended;
}

absl::StatusOr<std::vector<WatchedJob>> PostgresJobWatchStore::Look(const std::vector<JobId>& ids,
                                                                    const CallLimit& call) {
  std::vector<WatchedJob> jobs;
  absl::Status ran = database_.Run("watched_jobs", call, [&](PostgresConnection& connection) {
    jobs.clear();
    // One snapshot for both statements, so that an attempt and the state it led to fit together.
    pqxx::transaction<pqxx::repeatable_read, pqxx::read_only> transaction(connection.raw());
    std::map<JobId, size_t> positions;
    for (const auto& row : connection.Execute(transaction, "DescribeJobs", IntegerArray(ids))) {
      jobs.push_back({ReadJobDetails(row), std::nullopt, 0});
      positions[jobs.back().details.job.id] = jobs.size() - 1;
    }
    for (const auto& row : connection.Execute(transaction, "LastAttempts", IntegerArray(ids))) {
      const auto position = positions.find(row["job_id"].as<JobId>());
      if (position == positions.end()) continue;
      WatchedJob& job = jobs[position->second];
      job.last_attempt = ReadAttempt(row);
      job.successor = row["successor"].as<JobId>(0);
    }
  });
  if (!ran.ok()) return ran;
  return jobs;
}

}  // namespace millrace
