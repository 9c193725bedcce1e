// Adding the first job of a task, of a set of flags or of a serial queue, while an application's
// open transaction does the same.

#include <functional>

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/postgres/postgres_job_store.h"
#include "tests/support/test_schema.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

class NewNameTest : public testing::Test {
 protected:
  // Runs `body` while a transaction of an application is open that has done `sql`; then it commits.
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
  absl::Status Add(const std::vector<JobSpec>& specs) { return jobs_.AddJobs(specs).status(); }
  void ExpectRefused(const std::vector<JobSpec>& specs, const std::string& name) {
    const absl::Status added = Add(specs);
    EXPECT_EQ(added.code(), absl::StatusCode::kUnavailable) << added;
    EXPECT_THAT(
        std::string(added.message()),
        HasSubstr("another transaction is adding the first job of " + name + "; try again"));
  }
  std::string CountJobs() { return schema_.Query("select count(*) from {schema}.job"); }

  TestSchema schema_;
  PostgresJobStore jobs_{schema_.database(), schema_.metrics()};
};

TEST_F(NewNameTest, ATaskThatAnOpenTransactionUsesFirstIsRefusedAndNothingIsWritten) {
  ASSERT_TRUE(Add({{.task_identifier = "old"}}).ok());
  WithOpenTransaction("select {schema}.add_job('new')", [this] {
    ExpectRefused({{.task_identifier = "new"}}, "the task \"new\"");
    ExpectRefused({{.task_identifier = "old"}, {.task_identifier = "new"}}, "the task \"new\"");
    EXPECT_TRUE(Add({{.task_identifier = "old"}}).ok());
  });
  EXPECT_EQ(CountJobs(), "3");
  EXPECT_TRUE(Add({{.task_identifier = "new"}}).ok());
  EXPECT_EQ(CountJobs(), "4");
}

TEST_F(NewNameTest, FlagsThatAnOpenTransactionUsesFirstAreRefused) {
  ASSERT_TRUE(Add({{.task_identifier = "t"}}).ok());
  WithOpenTransaction("select {schema}.add_job('t', flags := '{b,a}')", [this] {
    ExpectRefused({{.task_identifier = "t", .flags = {"a", "b"}}},
                  "the task \"t\" with these flags");
    EXPECT_TRUE(Add({{.task_identifier = "t"}}).ok());
  });
  EXPECT_TRUE(Add({{.task_identifier = "t", .flags = {"a", "b"}}}).ok());
}

TEST_F(NewNameTest, ASerialQueueThatAnOpenTransactionUsesFirstIsRefusedAndNothingIsWritten) {
  ASSERT_TRUE(Add({{.task_identifier = "t", .queue_name = "old"}}).ok());
  const JobSpec in_new = {.task_identifier = "t", .queue_name = "new"};
  WithOpenTransaction("select {schema}.add_job('t', queue_name := 'new')", [&] {
    ExpectRefused({in_new}, "the serial queue \"new\"");
    ExpectRefused({{.task_identifier = "t"}, in_new}, "the serial queue \"new\"");
    EXPECT_TRUE(Add({{.task_identifier = "t", .queue_name = "old"}}).ok());
  });
  EXPECT_EQ(CountJobs(), "3");
  EXPECT_TRUE(Add({in_new, in_new}).ok());
  EXPECT_EQ(CountJobs(), "5");
}

TEST_F(NewNameTest, NewNamesAreCommittedBeforeTheTransactionThatAddsTheJobs) {
  JobSpec bad = {.task_identifier = "new", .payload = "{\"n\": 1e999999}", .queue_name = "queue"};
  EXPECT_EQ(Add({bad}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Add({bad, bad}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CountJobs(), "0");
  EXPECT_EQ(schema_.Query("select task_identifier from {schema}.lane"), "new");
  EXPECT_EQ(schema_.Query("select name from {schema}.queue"), "queue");
}

}  // namespace
}  // namespace millrace
