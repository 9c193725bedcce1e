#pragma once

#include <optional>
#include <pqxx/pqxx>
#include <vector>

#include "server/model/job.h"
#include "server/store/job_store.h"
#include "server/store/postgres/postgres_connection.h"

namespace millrace {

// The ids of one page of a list. A plain value.
struct IdPage {
  // By falling id.
  std::vector<JobId> ids;
  // As JobPage::next_before.
  std::optional<JobId> next_before;
};

// Picks the newest jobs below `before` that match, at most `limit`, with a bounded amount of work:
// see server/store/sql/queries/list.sql. What it does not reach is left to the next page.
IdPage WalkJobs(PostgresConnection& connection, pqxx::transaction_base& transaction,
                const JobFilter& filter, std::optional<JobId> before, int limit);

}  // namespace millrace
