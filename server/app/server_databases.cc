#include "server/app/server_databases.h"

#include <utility>

namespace millrace {
namespace {

constexpr absl::Duration kShortLimit = absl::Seconds(5);
// One for the fleet's thread, one for those whose requests it passes on.
constexpr int kFleetConnections = 2;

}  // namespace

absl::StatusOr<std::unique_ptr<ServerDatabases>> ServerDatabases::Create(const Options& options,
                                                                         MetricsRegistry& metrics,
                                                                         Clock& clock) {
  std::unique_ptr<ServerDatabases> databases(new ServerDatabases);
  PostgresDatabase::Options settings;
  settings.database_url = options.database_url;
  settings.schema = options.schema;
  const auto make = [&](int connections, std::unique_ptr<PostgresDatabase>& database) {
    settings.max_connections = connections;
    auto made = PostgresDatabase::Create(settings, metrics, clock);
    if (!made.ok()) return made.status();
    database = *std::move(made);
    return absl::OkStatus();
  };
  absl::Status made = make(kPoolConnections, databases->pool_);
  if (made.ok()) made = make(options.max_connections - kPoolConnections, databases->calls_);
  if (made.ok()) made = make(options.task_connections, databases->handlers_);
  settings.call_limit = kShortLimit;
  if (made.ok()) made = make(kFleetConnections, databases->fleet_);
  if (made.ok()) made = make(1, databases->readiness_);
  if (!made.ok()) return made;
  return databases;
}

void ServerDatabases::CloseIn(absl::Duration grace) {
  for (PostgresDatabase* database :
       {pool_.get(), calls_.get(), handlers_.get(), fleet_.get(), readiness_.get()}) {
    database->CloseIn(grace);
  }
}

bool ServerDatabases::did_not_answer() const {
  return pool_->did_not_answer() || calls_->did_not_answer() || handlers_->did_not_answer() ||
         fleet_->did_not_answer() || readiness_->did_not_answer();
}

}  // namespace millrace
