#pragma once

#include "server/store/maintenance_store.h"
#include "server/store/postgres/postgres_database.h"

namespace millrace {

// Upkeep on PostgreSQL. Owned by the service graph; borrows the database. Thread-safe.
class PostgresMaintenanceStore final : public MaintenanceStore {
 public:
  explicit PostgresMaintenanceStore(PostgresDatabase& database) : database_(database) {}

  absl::Status EnsurePartitions() override;
  absl::StatusOr<int> ForgetRequests() override;

 private:
  PostgresDatabase& database_;
};

}  // namespace millrace
