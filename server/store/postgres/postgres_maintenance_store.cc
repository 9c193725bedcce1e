#include "server/store/postgres/postgres_maintenance_store.h"

namespace millrace {

absl::Status PostgresMaintenanceStore::EnsurePartitions() {
  return database_.Run("ensure_partitions", [](PostgresConnection& connection) {
    pqxx::nontransaction transaction(connection.raw());
    connection.Execute(transaction, "EnsurePartitions");
  });
}

}  // namespace millrace
