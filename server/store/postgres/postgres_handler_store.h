#pragma once

#include <memory>
#include <stop_token>

#include "server/store/handler_store.h"
#include "server/store/postgres/postgres_database.h"
#include "server/store/postgres/postgres_job_store.h"

namespace millrace {

// Transactions of handlers on PostgreSQL, each on a connection of `database`, which is for nothing
// else: as many can be open at a time as that has connections. Owned by the service graph; borrows
// the database and the job store. Thread-safe.
class PostgresHandlerStore final : public HandlerStore {
 public:
  PostgresHandlerStore(PostgresDatabase& database, PostgresJobStore& jobs)
      : database_(database), jobs_(jobs) {}

  absl::StatusOr<std::unique_ptr<HandlerTransaction>> BeginTransaction(
      std::stop_token stop) override;

 private:
  PostgresDatabase& database_;
  PostgresJobStore& jobs_;
};

}  // namespace millrace
