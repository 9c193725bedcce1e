#include "server/store/postgres/migrator.h"

#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/postgres/postgres_maintenance_store.h"
#include "tests/support/test_schema.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

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
