#pragma once

#include "absl/status/status.h"
#include "server/store/postgres/postgres_database.h"

namespace millrace {

// Brings a schema to the version that this binary knows (contract C12): numbered steps, forward
// only, each in one transaction, one migrator at a time. Makes the schema where there is none. That
// may take an hour, with the waiting for another migrator; PostgresDatabase::CloseIn ends it
// sooner. Used from one thread.
class Migrator {
 public:
  explicit Migrator(PostgresDatabase& database) : database_(database) {}

  // FAILED_PRECONDITION if the schema is newer than this binary or not Millrace's; else as
  // PostgresDatabase::Run.
  absl::Status Migrate();

 private:
  PostgresDatabase& database_;
};

}  // namespace millrace
