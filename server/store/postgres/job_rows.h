#pragma once

#include <map>
#include <pqxx/pqxx>
#include <vector>

#include "server/model/attempt.h"
#include "server/model/job.h"
#include "server/store/pool_store.h"
#include "server/store/postgres/postgres_connection.h"

namespace millrace {

// A row of DescribeJobs, and one of ListAttempts.
JobDetails ReadJobDetails(const pqxx::row& row);
Attempt ReadAttempt(const pqxx::row& row);

// Fills in what is remembered of jobs: `positions` tells where in `claimed` each stands.
void ReadMemories(PostgresConnection& connection, pqxx::transaction_base& transaction,
                  const std::map<JobId, size_t>& positions, std::vector<ClaimedJob>& claimed);

}  // namespace millrace
