#include "server/store/postgres/migrator.h"

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/postgres/postgres_job_store.h"
#include "server/store/postgres/postgres_maintenance_store.h"
#include "tests/support/eventually.h"
#include "tests/support/test_schema.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MigratorTest, MigratingTwiceChangesNothing) {
  TestSchema schema;
  const std::string before =
      schema.Query("select count(*) || ' ' || max(applied_at) from {schema}.schema_version");
  EXPECT_TRUE(Migrator(schema.database()).Migrate().ok());
  EXPECT_EQ(schema.Query("select count(*) || ' ' || max(applied_at) from {schema}.schema_version"),
            before);
}

TEST(MigratorTest, ASchemaOfANewerServerIsRefusedAndLeftAlone) {
  TestSchema schema;
  schema.Query("insert into {schema}.schema_version (version, name) values (999, 'future')");
  const absl::Status migrated = Migrator(schema.database()).Migrate();
  EXPECT_EQ(migrated.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(migrated.message()), HasSubstr("has version 999"));
  EXPECT_EQ(schema.Query("select max(version) from {schema}.schema_version"), "999");
}

TEST(MigratorTest, ASchemaOfAnotherProgramIsRefusedAndLeftAlone) {
  TestSchema schema;
  schema.Query("drop schema {schema} cascade");
  schema.Query("create schema {schema} create table theirs (id int)");
  const absl::Status migrated = Migrator(schema.database()).Migrate();
  EXPECT_EQ(migrated.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(migrated.message()), HasSubstr("is not Millrace's"));
  EXPECT_EQ(schema.Query("select count(*) from pg_tables where schemaname = '{schema}'"), "1");
}

TEST(MigratorTest, SeveralServersThatStartAtOnceMigrateOnce) {
  TestSchema schema;
  schema.Query("drop schema {schema} cascade");
  std::vector<absl::Status> results(4);
  std::vector<std::thread> servers;
  for (absl::Status& result : results) {
    servers.emplace_back([&schema, &result] { result = Migrator(schema.database()).Migrate(); });
  }
  for (std::thread& server : servers) server.join();
  for (const absl::Status& result : results) EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(schema.Query("select count(*) = max(version) + 1 from {schema}.schema_version"), "t");
}

// A role without rights in the test database, and the migration of a schema by it.
class RightsTest : public testing::Test {
 protected:
  RightsTest() : role_(schema_.name() + "_role") {
    schema_.Query("create role " + role_ + " login");
    schema_.Query("drop schema {schema} cascade");
    database_ = *PostgresDatabase::Create(
        {.database_url = TestDatabaseUrl() + " user=" + role_, .schema = schema_.name()},
        schema_.metrics(), clock_);
  }
  ~RightsTest() override {
    database_.reset();
    // The schema is there for TestSchema to drop.
    schema_.Query("create schema if not exists {schema}");
    schema_.Query("reassign owned by " + role_ + " to current_user; drop owned by " + role_);
    schema_.Query("drop role " + role_);
  }
  absl::Status Migrate() { return Migrator(*database_).Migrate(); }
  // Expects that the role is told of this lack, and of what mends it.
  void ExpectDenied(const std::string& lack) {
    const absl::Status migrated = Migrate();
    EXPECT_EQ(migrated.code(), absl::StatusCode::kPermissionDenied);
    const std::string message(migrated.message());
    EXPECT_THAT(message, HasSubstr("database: permission denied for " + lack + "; "));
    EXPECT_THAT(message, HasSubstr("grant create on database \"postgres\" to \"" + role_ + "\""));
    EXPECT_THAT(message,
                HasSubstr("alter schema \"" + schema_.name() + "\" owner to \"" + role_ + "\""));
    EXPECT_THAT(message, Not(HasSubstr("SQLSTATE")));
  }

  TestSchema schema_;
  SystemClock clock_;
  const std::string role_;
  std::unique_ptr<PostgresDatabase> database_;
};

TEST_F(RightsTest, ARoleThatMayMakeNoSchemaIsToldWhatItLacks) {
  ExpectDenied("database postgres");
  schema_.Query("grant create on database postgres to " + role_);
  EXPECT_EQ(Migrate(), absl::OkStatus());
}

TEST_F(RightsTest, ARoleThatMayNotUseTheSchemaIsToldWhatItLacks) {
  schema_.Query("create schema {schema}");
  ExpectDenied("schema " + schema_.name());
  schema_.Query("alter schema {schema} owner to " + role_);
  EXPECT_EQ(Migrate(), absl::OkStatus());
}

TEST_F(RightsTest, ARoleThatMayUseTheSchemaButNotItsTablesIsToldWhatItLacks) {
  ASSERT_EQ(Migrator(schema_.database()).Migrate(), absl::OkStatus());
  schema_.Query("alter schema {schema} owner to " + role_);
  ExpectDenied("table schema_version");
  schema_.Query("do $$ begin execute format('grant %I to " + role_ + "', current_user); end $$");
  EXPECT_EQ(Migrate(), absl::OkStatus());
}

// A migrator that waits while another holds the lock of the schema.
class WaitingMigratorTest : public testing::Test {
 protected:
  WaitingMigratorTest() {
    database_ = *PostgresDatabase::Create(
        {.database_url = TestDatabaseUrl(), .schema = schema_.name(), .call_limit = kCallLimit},
        schema_.metrics(), clock_);
  }
  // Holds the lock while `body` runs, with a migrator that waits for it in a thread of its own.
  // Returns what became of that.
  absl::Status MigrateWhileLocked(const std::function<void()>& body) {
    absl::Status migrated;
    std::thread waiting;
    const absl::Status held = schema_.database().Run("test", [&](PostgresConnection& connection) {
      const auto run = [&](const std::string& statement) {
        pqxx::nontransaction(connection.raw())
            .exec(schema_.database().statements().Text(statement));
      };
      run("LockMigration");
      waiting = std::thread([&] { migrated = Migrator(*database_).Migrate(); });
      EXPECT_TRUE(Eventually([&] { return Waiting("wait_event_type = 'Lock'"); }));
      body();
      run("UnlockMigration");
    });
    EXPECT_EQ(held, absl::OkStatus());
    waiting.join();
    return migrated;
  }
  // Whether there is a session that waits for the lock, and of which `condition` holds.
  bool Waiting(const std::string& condition) {
    return schema_.Query(
               "select count(*) > 0 from pg_stat_activity where query like "
               "'select pg_advisory_lock%{schema}.migrate%' and state = 'active' and pid <> "
               "pg_backend_pid() and " +
               condition) == "t";
  }

  static constexpr absl::Duration kCallLimit = absl::Seconds(3);
  TestSchema schema_;
  SystemClock clock_;
  std::unique_ptr<PostgresDatabase> database_;
};

TEST_F(WaitingMigratorTest, WaitsLongerThanOtherCallsMay) {
  EXPECT_EQ(MigrateWhileLocked([this] {
              EXPECT_TRUE(Eventually([this] {
                return Waiting("clock_timestamp() - query_start > interval '4 seconds'");
              }));
            }),
            absl::OkStatus());
}

TEST_F(WaitingMigratorTest, IsEndedByTheStopAndLeavesNobodyInTheQueue) {
  const absl::Status migrated = MigrateWhileLocked([this] {
    database_->CloseIn(absl::ZeroDuration());
    EXPECT_TRUE(Eventually([this] { return !Waiting("true"); }));
  });
  EXPECT_EQ(migrated.code(), absl::StatusCode::kUnavailable) << migrated;
}

TEST(MigratorTest, AfterItsWorkTheSessionIsAsBefore) {
  TestSchema schema;
  ASSERT_EQ(Migrator(schema.database()).Migrate(), absl::OkStatus());
  EXPECT_EQ(schema.Query("show client_connection_check_interval"), "0");
  EXPECT_EQ(schema.Query("select count(*) from pg_locks where locktype = 'advisory' and pid = "
                         "pg_backend_pid()"),
            "0");
}

TEST(MigratorTest, TwoSchemasOfOneDatabaseDoNotTouchEachOther) {
  TestSchema one, other;
  one.Query("select {schema}.add_job('task')");
  EXPECT_EQ(one.Query("select count(*) from {schema}.job"), "1");
  EXPECT_EQ(other.Query("select count(*) from {schema}.job"), "0");
}

TEST(MigratorTest, PartitionsAreMadeForTheNextTwoWeeks) {
  TestSchema schema;
  EXPECT_EQ(schema.Query(
                "select count(*) >= 3 from pg_inherits where inhparent = '{schema}.job'::regclass"),
            "t");
}

TEST(MigratorTest, JobsAreAddedThoughNoPartitionWasMade) {
  TestSchema schema;
  schema.Query(
      "do $$ declare t regclass; begin for t in select inhrelid from pg_inherits where inhparent = "
      "'{schema}.job'::regclass "
      "and inhrelid <> '{schema}.job_rest'::regclass loop execute 'drop table ' || t; end loop; "
      "end $$");
  schema.Query("select {schema}.add_job('task')");
  EXPECT_EQ(schema.Query("select count(*) from {schema}.job_rest"), "1");
}

// A schema in which the last week's partition of job is missing.
class PartitionTest : public testing::Test {
 protected:
  PartitionTest() : store_(schema_.database()), jobs_(schema_.database(), schema_.metrics()) {
    last_ = schema_.Query(
        "select max(inhrelid::regclass::text) from pg_inherits where inhparent = "
        "'{schema}.job'::regclass and inhrelid <> '{schema}.job_rest'::regclass");
    schema_.Query("drop table " + last_);
    schema_.Query(kReplaceAJob);
  }
  bool IsMade() { return !schema_.Query("select to_regclass('" + last_ + "')").empty(); }
  // Runs `body` while a transaction of an application is open that has done `sql`.
  void WithOpenTransaction(const std::string& sql, const std::function<void()>& body) {
    const absl::Status ran =
        schema_.database().Run("application", [&](PostgresConnection& connection) {
          pqxx::work transaction(connection.raw());
          transaction.exec(absl::StrReplaceAll(sql, {{"{schema}", schema_.name()}}));
          body();
          transaction.commit();
        });
    EXPECT_TRUE(ran.ok()) << ran;
  }
  // The rest is among what looking for a job by its id locks.
  static constexpr char kReplaceAJob[] = "select {schema}.add_job('t', job_key := 'k')";

  TestSchema schema_;
  PostgresMaintenanceStore store_;
  PostgresJobStore jobs_;
  std::string last_;
};

TEST_F(PartitionTest, TransactionsThatAddJobsAreNotInTheWayOfANewPartition) {
  WithOpenTransaction("select {schema}.add_job('t')", [this] {
    EXPECT_EQ(store_.EnsurePartitions(), absl::OkStatus());
    EXPECT_TRUE(IsMade());
    EXPECT_TRUE(jobs_.AddJobs({{.task_identifier = "t"}}).ok());
  });
}

TEST_F(PartitionTest, ATransactionThatIsInTheWayOfANewPartitionIsNotWaitedFor) {
  WithOpenTransaction(kReplaceAJob, [this] {
    const absl::Status made = store_.EnsurePartitions();
    EXPECT_EQ(made.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(made.message()), HasSubstr("an open transaction uses the table job"));
    EXPECT_FALSE(IsMade());
    EXPECT_TRUE(jobs_.AddJobs({{.task_identifier = "t"}, {.task_identifier = "t"}}).ok());
  });
  EXPECT_EQ(store_.EnsurePartitions(), absl::OkStatus());
  EXPECT_TRUE(IsMade());
}

TEST_F(PartitionTest, AServerStartsThoughATransactionIsInTheWayOfANewPartition) {
  WithOpenTransaction(kReplaceAJob, [this] {
    EXPECT_EQ(Migrator(schema_.database()).Migrate(), absl::OkStatus());
    EXPECT_FALSE(IsMade());
  });
}

TEST_F(PartitionTest, ANewPartitionHasWhatTheOthersHave) {
  const std::string columns =
      "select string_agg(concat_ws(' ', attname, atttypid, attnotnull, atthasdef), ',' order by "
      "attnum) from pg_attribute where attnum > 0 and attrelid = ";
  const std::string indexes =
      "select string_agg(regexp_replace(indexdef, '^.* USING', ''), ',' order by 1) from "
      "pg_indexes where schemaname = '{schema}' and tablename = ";
  ASSERT_EQ(store_.EnsurePartitions(), absl::OkStatus());
  EXPECT_EQ(schema_.Query(columns + "'" + last_ + "'::regclass"),
            schema_.Query(columns + "'{schema}.job'::regclass"));
  const std::string day = last_.substr(last_.rfind('_'));
  for (const std::string table : {"job", "attempt_outcome", "attempt_detail"}) {
    EXPECT_EQ(schema_.Query(indexes + "'" + table + day + "'"),
              schema_.Query(indexes + "'" + table + "'"));
  }
}

TEST(MigratorTest, AWeekWhoseJobsCameBeforeItsPartitionStaysInTheRest) {
  TestSchema schema;
  schema.Query(
      "do $$ declare t regclass; begin for t in select inhrelid from pg_inherits where inhparent = "
      "'{schema}.job'::regclass "
      "and inhrelid <> '{schema}.job_rest'::regclass loop execute 'drop table ' || t; end loop; "
      "end $$");
  const std::string id = schema.Query("select id from {schema}.add_job('task')");
  EXPECT_TRUE(PostgresMaintenanceStore(schema.database()).EnsurePartitions().ok());
  EXPECT_EQ(
      schema.Query("select tableoid = '{schema}.job_rest'::regclass from {schema}.job where id = " +
                   id),
      "t");
  EXPECT_EQ(
      schema.Query("select count(*) from pg_inherits where inhparent = '{schema}.job'::regclass"),
      "3");
}

}  // namespace
}  // namespace millrace
