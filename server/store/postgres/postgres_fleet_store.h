#pragma once

#include <map>
#include <string>
#include <vector>

#include "server/store/fleet_store.h"
#include "server/store/postgres/postgres_database.h"
#include "server/store/saved_pool_store.h"

namespace millrace {

// The fleet on PostgreSQL: see server/store/sql/queries/fleet.sql. Owned by the service graph;
// borrows the database. Thread-safe.
class PostgresFleetStore final : public FleetStore, public SavedPoolStore {
 public:
  explicit PostgresFleetStore(PostgresDatabase& database) : database_(database) {}

  absl::Status Report(const PoolReport& report) override;
  absl::Status Leave(const std::string& worker_id) override;
  absl::StatusOr<std::vector<ListedPool>> ListPools() override;
  absl::StatusOr<FleetAsked> Ask(const std::vector<std::string>& worker_ids,
                                 const FleetQuestion& question) override;
  absl::StatusOr<std::vector<FleetRequest>> TakeRequests(
      const std::string& worker_id, const std::vector<int64_t>& in_hand) override;
  absl::Status Answer(int64_t id, const absl::StatusOr<std::string>& reply) override;
  absl::StatusOr<std::vector<FleetAnswer>> ReadAnswers(const std::vector<int64_t>& ids) override;
  absl::StatusOr<std::map<int64_t, bool>> Withdraw(const std::vector<int64_t>& ids) override;
  absl::Status RemoveLeftovers() override;

  absl::StatusOr<SavedPool> Load(const std::string& pool_name) override;
  absl::Status Save(const std::string& pool_name, const SavedPool& changes) override;
  absl::Status Clear(const std::string& pool_name) override;

 private:
  // A statement that commits by itself, and the rows it returns.
  template <typename... Args>
  absl::StatusOr<pqxx::result> Execute(const char* operation, const char* statement,
                                       const Args&... args);

  PostgresDatabase& database_;
};

}  // namespace millrace
