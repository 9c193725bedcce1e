#include "server/store/postgres/postgres_maintenance_store.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace millrace {

absl::Status PostgresMaintenanceStore::EnsurePartitions() {
  std::string in_use;
  absl::Status ran = database_.Run("ensure_partitions", [&](PostgresConnection& connection) {
    in_use.clear();
    pqxx::nontransaction transaction(connection.raw());
    for (const auto& missing : connection.Execute(transaction, "MissingPartitions")) {
      const std::string parent = missing[0].c_str();
      // Each in a transaction of its own, so that no lock is held for longer than one needs.
      if (connection.Execute(transaction, "MakePartition", parent, missing[1].as<int64_t>())[0][0]
              .as<bool>())
        continue;
      in_use = parent;
      return;
    }
  });
  if (!ran.ok() || in_use.empty()) return ran;
  return absl::UnavailableError(
      absl::StrCat("database: an open transaction uses the table ", in_use,
                   ", so that it can have no new partition now; try again later"));
}

absl::StatusOr<int> PostgresMaintenanceStore::ForgetRequests() {
  int forgotten = 0;
  while (true) {
    // In steps, so that no transaction is long.
    int step = 0;
    absl::Status ran = database_.Run("forget_requests", [&](PostgresConnection& connection) {
      pqxx::nontransaction transaction(connection.raw());
      step = connection.Execute(transaction, "ForgetRequests")[0][0].as<int>();
    });
    if (!ran.ok()) return ran;
    if (step == 0) return forgotten;
    forgotten += step;
  }
}

}  // namespace millrace
