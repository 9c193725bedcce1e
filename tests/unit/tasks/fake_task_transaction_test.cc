#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tasks/api/task_result.h"
#include "tasks/testing/fake_task_context.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// What docs/writing-tasks.md shows.
TaskResult BookInvoice(TaskContext& context) {
  const absl::StatusOr<TaskTransaction*> begun = context.BeginTransaction();
  if (!begun.ok()) return TaskResult::Fail(std::string(begun.status().message()));
  TaskTransaction& transaction = **begun;
  const absl::StatusOr<SqlRows> booked = transaction.Execute(
      "update invoices set booked = true where id = $1 returning customer", {"7"});
  if (!booked.ok()) return TaskResult::Fail(std::string(booked.status().message()));
  if (booked->rows.empty()) return TaskResult::Cancel("there is no such invoice");
  const absl::Status added =
      transaction.AddJob({.task_identifier = "mail", .queue_name = *booked->rows[0][0]}).status();
  if (!added.ok()) return TaskResult::Fail(std::string(added.message()));
  return TaskResult::Success();
}

TEST(FakeTaskTransactionTest, KeepsStatementsAndJobsAndAnswersAsTheTestSays) {
  FakeTaskContext context("book_invoice");
  context.set_on_execute([](const FakeTaskTransaction::Statement&) {
    return SqlRows{{"customer"}, {{"customer-3"}}, 1};
  });
  EXPECT_EQ(BookInvoice(context).kind(), TaskResult::Kind::kSuccess);
  ASSERT_NE(context.transaction(), nullptr);
  ASSERT_THAT(context.transaction()->statements(), SizeIs(1));
  EXPECT_THAT(context.transaction()->statements()[0].sql, HasSubstr("update invoices"));
  EXPECT_THAT(context.transaction()->statements()[0].parameters, ElementsAre(SqlValue("7")));
  ASSERT_THAT(context.transaction()->added_jobs(), SizeIs(1));
  EXPECT_EQ(context.transaction()->added_jobs()[0].queue_name, "customer-3");
  EXPECT_THAT(context.added_jobs(), SizeIs(0));
}

TEST(FakeTaskTransactionTest, WithoutAnAnswerAStatementBringsNoRows) {
  FakeTaskContext context("book_invoice");
  EXPECT_EQ(BookInvoice(context).kind(), TaskResult::Kind::kCancel);
}

TEST(FakeTaskTransactionTest, AnAnswerCanBeAnError) {
  FakeTaskContext context("book_invoice");
  context.set_on_execute([](const FakeTaskTransaction::Statement&) {
    return absl::StatusOr<SqlRows>(absl::AbortedError("deadlock detected"));
  });
  EXPECT_EQ(BookInvoice(context).message(), "deadlock detected");
}

TEST(FakeTaskTransactionTest, RefusesWhatADatabaseWouldRefuse) {
  FakeTaskContext fake("t");
  TaskContext& context = fake;
  TaskTransaction& transaction = **context.BeginTransaction();
  EXPECT_TRUE(absl::IsInvalidArgument(transaction.Execute("commit").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(transaction.Execute("copy t from stdin").status()));
  EXPECT_EQ(transaction.Execute("select $1", {std::string("a\0b", 3)}).status().message(),
            "parameters[0]: must not hold a zero byte");
  EXPECT_EQ(transaction.AddJob({}).status().message(), "job.task_identifier: must not be empty");
  EXPECT_THAT(fake.transaction()->statements(), SizeIs(0));
  EXPECT_TRUE(absl::IsFailedPrecondition(context.BeginTransaction().status()));
}

TEST(FakeTaskTransactionTest, NothingGoesOnceTheHandlerIsAskedToStop) {
  FakeTaskContext fake("t");
  TaskContext& context = fake;
  TaskTransaction& transaction = **context.BeginTransaction();
  fake.RequestStop();
  EXPECT_TRUE(absl::IsCancelled(transaction.Execute("select 1").status()));
  EXPECT_TRUE(absl::IsCancelled(transaction.AddJob({.task_identifier = "t"}).status()));
  EXPECT_TRUE(absl::IsCancelled(context.AddJob({.task_identifier = "t"}).status()));
}

TEST(FakeTaskTransactionTest, JobsThatAreAddedOutsideAreKeptBesides) {
  FakeTaskContext fake("t");
  TaskContext& context = fake;
  EXPECT_EQ(context.AddJob({.task_identifier = "a"})->id, 1001);
  EXPECT_EQ(context.AddJobs({{.task_identifier = "b"}, {.task_identifier = "c"}})->at(1).id, 1003);
  EXPECT_EQ(context.AddJobs({{.task_identifier = "b"}, {}}).status().message(),
            "jobs[1].task_identifier: must not be empty");
  EXPECT_THAT(fake.added_jobs(), SizeIs(3));
  EXPECT_EQ(fake.transaction(), nullptr);
}

}  // namespace
}  // namespace millrace
