#pragma once

#include <vector>

#include "server/store/job_watch_store.h"
#include "server/store/postgres/postgres_database.h"

namespace millrace {

// Waiting for the ends of jobs on PostgreSQL: see watch.sql in server/store/sql/queries. Owned by
// the service graph; borrows the database. Thread-safe.
class PostgresJobWatchStore final : public JobWatchStore {
 public:
  explicit PostgresJobWatchStore(PostgresDatabase& database) : database_(database) {}

  absl::StatusOr<std::vector<JobId>> FindEnded(const std::vector<JobId>& ids,
                                               const CallLimit& call) override;
  absl::StatusOr<std::vector<WatchedJob>> Look(const std::vector<JobId>& ids,
                                               const CallLimit& call) override;

 private:
  PostgresDatabase& database_;
};

}  // namespace millrace
