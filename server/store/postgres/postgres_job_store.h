#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/base/mutex.h"
#include "server/store/job_store.h"
#include "server/store/postgres/postgres_database.h"

namespace millrace {

// Adding and looking at jobs on PostgreSQL: see server/store/sql/queries/jobs.sql. Owned by the
// service graph; borrows the database. Thread-safe.
class PostgresJobStore final : public JobStore {
 public:
  PostgresJobStore(PostgresDatabase& database, MetricsRegistry& metrics);

  absl::StatusOr<std::vector<AddedJob>> AddJobs(const std::vector<JobSpec>& specs) override;
  absl::StatusOr<JobDetails> GetJob(JobId id) override;
  absl::StatusOr<std::vector<Attempt>> ListAttempts(JobId id, int limit) override;
  absl::StatusOr<JobPage> ListJobs(const JobFilter& filter, std::optional<JobId> before,
                                   int limit) override;
  absl::Status Ping() override;

 private:
  using LaneKey = std::pair<std::string, std::vector<std::string>>;

  // Makes sure that the lanes of the specs that are added in chunks exist and are known. In
  // transactions of their own, so that what is remembered of them is committed.
  absl::Status LearnLanes(const std::vector<JobSpec>& specs);
  int FindLane(const JobSpec& spec) const;
  // Adds specs[from, to), which one chunk can hold.
  void AddChunk(PostgresConnection& connection, pqxx::transaction_base& transaction,
                const std::vector<JobSpec>& specs, size_t from, size_t to,
                std::vector<AddedJob>& added) const;

  PostgresDatabase& database_;
  Counter& jobs_added_;

  mutable Mutex mutex_;
  std::map<LaneKey, int> lanes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
