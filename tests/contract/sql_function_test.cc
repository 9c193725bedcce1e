// The SQL function add_job, as an application in any language uses it.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/test_schema.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

class SqlFunctionTest : public testing::Test {
 protected:
  // Runs `sql` and returns the error, OK if there was none.
  absl::Status Run(const std::string& sql) {
    return schema_.database().Run("test", [&](PostgresConnection& connection) {
      pqxx::work transaction(connection.raw());
      transaction.exec(absl::StrReplaceAll(sql, {{"{schema}", schema_.name()}}));
      transaction.commit();
    });
  }
  void ExpectRefused(const std::string& arguments, const std::string& message) {
    const absl::Status refused = Run("select {schema}.add_job(" + arguments + ")");
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument) << arguments;
    EXPECT_THAT(std::string(refused.message()), HasSubstr(message));
    EXPECT_EQ(schema_.Query("select count(*) from {schema}.job"), "0") << arguments;
  }

  TestSchema schema_;
};

TEST_F(SqlFunctionTest, AJobExistsIfAndOnlyIfItsTransactionCommits) {
  ASSERT_TRUE(schema_.database()
                  .Run("test",
                       [&](PostgresConnection& connection) {
                         pqxx::work transaction(connection.raw());
                         transaction.exec("select " + schema_.name() + ".add_job('task')");
                         transaction.abort();
                       })
                  .ok());
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.job"), "0");
  ASSERT_TRUE(Run("select {schema}.add_job('task')").ok());
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.job"), "1");
}

TEST_F(SqlFunctionTest, EveryBadArgumentIsRefusedByItsName) {
  ExpectRefused("null", "task_identifier: must not be null");
  ExpectRefused("''", "task_identifier: must not be empty");
  ExpectRefused("repeat('x', 129)", "task_identifier: at most 128 bytes, got 129");
  ExpectRefused("E'a\\nb'", "task_identifier: must be printable");
  ExpectRefused("'t', '[1]'", "payload: must be a JSON object");
  ExpectRefused("'t', jsonb_build_object('x', repeat('x', 1048576))",
                "payload: at most 1048576 bytes");
  ExpectRefused("'t', (repeat('{\"a\":', 101) || '1' || repeat('}', 101))::jsonb",
                "payload: nested deeper than 100");
  ExpectRefused("'t', metadata := '3'", "metadata: must be a JSON object");
  ExpectRefused("'t', metadata := jsonb_build_object('x', repeat('x', 16384))",
                "metadata: at most 16384 bytes");
  ExpectRefused("'t', queue_name := ''", "queue_name: must not be empty");
  ExpectRefused("'t', run_at := '20000-01-01'",
                "run_at: must be from the year 1970 to the year 2200");
  ExpectRefused("'t', run_at := 'infinity'", "run_at: must be from the year 1970 to the year 2200");
  ExpectRefused("'t', priority := 32768", "priority: must be -32768 to 32767");
  ExpectRefused("'t', max_attempts := 0", "max_attempts: must be 1 to 32767");
  ExpectRefused("'t', job_key := repeat('k', 129)", "job_key: at most 128 bytes, got 129");
  ExpectRefused("'t', job_key_mode := 'replace'", "job_key_mode: needs a job_key");
  ExpectRefused("'t', job_key := 'k', job_key_mode := 'x'",
                "job_key_mode: must be replace, preserve_run_at or unsafe_dedupe");
  ExpectRefused("'t', flags := array_fill('f'::text, array[33])", "flags: at most 32");
  ExpectRefused("'t', flags := array[repeat('f', 65)]", "flags: at most 64 bytes each");
  ExpectRefused("'t', flags := array[null]::text[]", "flags: must not be null");
  ExpectRefused("'t', correlation_id := ''", "correlation_id: must not be empty");
}

TEST_F(SqlFunctionTest, ANumberThatIsShortWhenStoredAndHugeWhenReadIsRefused) {
  ExpectRefused("'t', ('{\"a\":[' || repeat('1e131000,', 20) || '1]}')::jsonb",
                "payload: at most 1048576 bytes");
}

TEST_F(SqlFunctionTest, AJsonNestedAHundredDeepIsAccepted) {
  EXPECT_TRUE(Run("select {schema}.add_job('t', (repeat('{\"a\":', 100) || '1' || repeat('}', "
                  "100))::jsonb)")
                  .ok());
}

TEST_F(SqlFunctionTest, ReplaceChangesAWaitingJobInPlace) {
  const std::string first =
      schema_.Query("select id from {schema}.add_job('a', '{\"n\":1}', job_key := 'k')");
  EXPECT_EQ(schema_.Query("select id || ' ' || result from {schema}.add_job('b', '{\"n\":2}', "
                          "priority := 3, job_key := 'k')"),
            first + " updated");
  EXPECT_EQ(
      schema_.Query(
          "select payload ->> 'n' || ' ' || priority || ' ' || task_identifier from {schema}.job j "
          "join {schema}.lane l on l.id = j.lane"),
      "2 3 b");
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.ready"), "1");
}

TEST_F(SqlFunctionTest, PreserveRunAtKeepsTheTimeOfAWaitingJob) {
  schema_.Query("select id from {schema}.add_job('a', run_at := '2100-01-01Z', job_key := 'k')");
  schema_.Query(
      "select id from {schema}.add_job('a', run_at := '2050-01-01Z', job_key := 'k', job_key_mode "
      ":= 'preserve_run_at')");
  EXPECT_EQ(schema_.Query("select run_at from {schema}.job"), "2100-01-01 00:00:00+00");
  EXPECT_EQ(schema_.Query("select due from {schema}.scheduled"), "2100-01-01 00:00:00+00");
  schema_.Query("select id from {schema}.add_job('a', run_at := '2050-01-01Z', job_key := 'k')");
  EXPECT_EQ(schema_.Query("select due from {schema}.scheduled"), "2050-01-01 00:00:00+00");
}

TEST_F(SqlFunctionTest, UnsafeDedupeLeavesTheWaitingJobUntouched) {
  const std::string first =
      schema_.Query("select id from {schema}.add_job('a', '{\"n\":1}', job_key := 'k')");
  EXPECT_EQ(schema_.Query("select id || ' ' || result from {schema}.add_job('a', '{\"n\":2}', "
                          "job_key := 'k', job_key_mode := "
                          "'unsafe_dedupe')"),
            first + " existing");
  EXPECT_EQ(schema_.Query("select payload ->> 'n' from {schema}.job"), "1");
}

TEST_F(SqlFunctionTest, AJobCanBeReplacedOutOfTheMiddleOfAChunk) {
  schema_.Query("select {schema}.add_job('a', job_key := 'k')");
  // As if the job had been added together with neighbours.
  schema_.Query(
      "with j as (select id from {schema}.job), m as (update {schema}.ready set id = id - 1, jobs "
      "= 3) "
      "insert into {schema}.job select j.id + d, lane, priority, max_attempts, queue, created_at, "
      "run_at, null, null, null, payload "
      "from {schema}.job, j, unnest(array[-1, 1]) d");
  schema_.Query("select {schema}.add_job('b', job_key := 'k')");
  EXPECT_EQ(schema_.Query("select string_agg(jobs::text, ',' order by id) from {schema}.ready"),
            "1,1,1");
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.ready r join {schema}.lane l on l.id = "
                          "r.lane where task_identifier = 'b'"),
            "1");
}

TEST_F(SqlFunctionTest, AnAdderNotifiesOnlyWhenAPoolIsIdle) {
  const auto added_and_notified = [this] {
    bool notified = false;
    class Receiver final : public pqxx::notification_receiver {
     public:
      Receiver(pqxx::connection_base& connection, const std::string& channel, bool& flag)
          : notification_receiver(connection, channel), flag_(flag) {}
      void operator()(const std::string&, int) override { flag_ = true; }

     private:
      bool& flag_;
    };
    EXPECT_TRUE(schema_.database()
                    .Run("test",
                         [&](PostgresConnection& connection) {
                           Receiver receiver(connection.raw(), schema_.name() + "_added", notified);
                           {
                             pqxx::work transaction(connection.raw());
                             transaction.exec("select " + schema_.name() + ".add_job('t')");
                             transaction.exec("select " + schema_.name() + ".add_job('t')");
                             transaction.commit();
                           }
                           // A notification of one's own transaction has come when the commit
                           // returns.
                           pqxx::nontransaction(connection.raw()).exec("select 1");
                           connection.raw().get_notifs();
                         })
                    .ok());
    return notified;
  };
  EXPECT_FALSE(added_and_notified());
  schema_.Query(
      "insert into {schema}.worker (worker_id, pool_name, host, pid, version, lease_ttl_ms, idle) "
      "values ('w', 'p', 'h', 1, 'v', 1000, true)");
  EXPECT_TRUE(added_and_notified());
  schema_.Query("update {schema}.worker set ended_at = now()");
  EXPECT_FALSE(added_and_notified());
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.added"), "0");
}

}  // namespace
}  // namespace millrace
