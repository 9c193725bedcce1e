#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/metrics/metrics.h"
#include "server/store/postgres/postgres_database.h"

namespace millrace {

// The server's ways to its database. Each has connections of its own, so that none waits for
// another: however many callers stand behind a lock, the pool keeps its lease and records what its
// handlers did, and however busy both are, the server does not look unready. Owned by the service
// graph; outlives the stores. Thread-safe.
class ServerDatabases {
 public:
  struct Options {
    std::string database_url;
    std::string schema;
    // For the pool and callers together. More than kPoolConnections.
    int max_connections = 0;
    // For transactions of handlers.
    int task_connections = 1;
  };

  // One for each thread that uses them, so that none waits for another: the claimer, the recorder,
  // the lease keeper, the progress reporter, and the two duties of upkeep.
  static constexpr int kPoolConnections = 6;

  // Does no I/O. INVALID_ARGUMENT for a bad schema name or number.
  static absl::StatusOr<std::unique_ptr<ServerDatabases>> Create(const Options& options,
                                                                 MetricsRegistry& metrics,
                                                                 Clock& clock);

  // For the pool, the upkeep and migrations: kPoolConnections.
  PostgresDatabase& pool() { return *pool_; }
  // For those who call the service: what is left of max_connections.
  PostgresDatabase& calls() { return *calls_; }
  // For transactions of handlers: task_connections.
  PostgresDatabase& handlers() { return *handlers_; }
  // For what servers ask of each other: two, with a short limit for their calls.
  PostgresDatabase& fleet() { return *fleet_; }
  // For the readiness alone: one, with a short limit for its calls.
  PostgresDatabase& readiness() { return *readiness_; }

  // See PostgresDatabase, of which these are for all.
  void CloseIn(absl::Duration grace);
  bool did_not_answer() const;

 private:
  ServerDatabases() = default;

  // Constant after Create.
  std::unique_ptr<PostgresDatabase> pool_;
  std::unique_ptr<PostgresDatabase> calls_;
  std::unique_ptr<PostgresDatabase> handlers_;
  std::unique_ptr<PostgresDatabase> fleet_;
  std::unique_ptr<PostgresDatabase> readiness_;
};

}  // namespace millrace
