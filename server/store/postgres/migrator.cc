#include "server/store/postgres/migrator.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/logging.h"
#include "server/store/postgres/postgres_maintenance_store.h"

namespace millrace {
namespace {

constexpr int kNoSchema = -1;
constexpr int kForeignSchema = -2;
// Steps on a large schema may take long; waiting for another migrator counts, too.
constexpr absl::Duration kLimit = absl::Hours(1);
// Each waits for a fifth of a second at most.
constexpr int kPartitionTries = 50;

// The version of the schema, or one of the two above.
int ReadVersion(PostgresConnection& connection) {
  pqxx::work transaction(connection.raw());
  const pqxx::row state = connection.Execute(transaction, "ReadSchemaState")[0];
  if (state[0].as<bool>())
    return connection.Execute(transaction, "ReadSchemaVersion")[0][0].as<int>();
  return state[1].as<bool>() ? kForeignSchema : kNoSchema;
}

void Apply(PostgresConnection& connection, const SqlMigration& migration) {
  pqxx::work transaction(connection.raw());
  transaction.exec(migration.text);
  connection.Execute(transaction, "RecordMigration", migration.version, migration.name);
  transaction.commit();
}

// Without partitions everything works as well, so that only a new schema insists on them: nobody
// is in the way there for long, at most an autovacuum or a busy disk.
absl::Status MakePartitions(PostgresDatabase& database, bool new_schema) {
  PostgresMaintenanceStore store(database);
  absl::Status made = store.EnsurePartitions();
  for (int tries = 1; new_schema && absl::IsUnavailable(made) && tries < kPartitionTries; ++tries) {
    made = store.EnsurePartitions();
  }
  if (made.ok() || new_schema) return made;
  spdlog::warn("cannot make partitions ahead of time: {}", std::string(made.message()));
  return absl::OkStatus();
}

pqxx::result RunUnprepared(PostgresConnection& connection, const std::string& text) {
  return pqxx::nontransaction(connection.raw()).exec(text);
}

// Waits until no other server migrates. The lock is of the session: it must outlast the
// transactions of the steps. It goes with the connection if we die.
void TakeTurn(PostgresConnection& connection, const SqlStatements& statements) {
  RunUnprepared(connection, statements.Text("NoticeLostMigrator"));
  RunUnprepared(connection, statements.Text("ReleaseMigrationLocks"));
  if (RunUnprepared(connection, statements.Text("TryLockMigration"))[0][0].as<bool>()) return;
  spdlog::info("schema {}: waiting for another server that migrates it", statements.schema());
  RunUnprepared(connection, statements.Text("LockMigration"));
}

}  // namespace

absl::Status Migrator::Migrate() {
  const SqlStatements& statements = database_.statements();
  const std::string& schema = statements.schema();
  const int known = statements.Migrations().back().version;
  absl::Status verdict;
  absl::Status ran =
      database_.RunWithin(kLimit, "migrate", CallLimit(), [&](PostgresConnection& connection) {
        TakeTurn(connection, statements);
        const int version = ReadVersion(connection);
        if (version == kForeignSchema) {
          verdict = absl::FailedPreconditionError(
              absl::StrCat("schema \"", schema,
                           "\" exists and is not Millrace's; choose another name with --schema"));
        } else if (version > known) {
          verdict = absl::FailedPreconditionError(
              absl::StrCat("schema \"", schema, "\" has version ", version,
                           ", this server knows up to ", known, "; install a newer server"));
        } else {
          for (const SqlMigration& migration : statements.Migrations()) {
            if (migration.version <= version) continue;
            Apply(connection, migration);
            spdlog::info("schema {}: migrated to version {} ({})", schema, migration.version,
                         migration.name);
          }
          verdict = MakePartitions(database_, version == kNoSchema);
        }
        RunUnprepared(connection, statements.Text("UnlockMigration"));
        RunUnprepared(connection, statements.Text("ForgetLostMigrators"));
      });
  return ran.ok() ? verdict : ran;
}

}  // namespace millrace
