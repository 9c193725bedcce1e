#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/handler_store.h"
#include "server/store/postgres/postgres_handler_store.h"
#include "tests/contract/pool_store_fixture.h"
#include "tests/support/eventually.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

using Ending = Completion::Ending;
using TransactionPtr = std::unique_ptr<HandlerTransaction>;

// Transactions in which handlers work, in a table of their own.
class HandlerTransactionTest : public PoolStoreFixture {
 protected:
  HandlerTransactionTest() {
    schema_.Query("create table {schema}.ledger (entry text primary key)");
    handlers_ = MakeDatabase(2);
    handler_store_ = std::make_unique<PostgresHandlerStore>(*handlers_, jobs_);
  }

  std::unique_ptr<PostgresDatabase> MakeDatabase(int connections) {
    return *PostgresDatabase::Create(
        {.database_url = TestDatabaseUrl() + " application_name=" + schema_.name(),
         .schema = schema_.name(),
         .max_connections = connections},
        schema_.metrics(), clock_);
  }
  TransactionPtr Begin() {
    absl::StatusOr<TransactionPtr> begun = handler_store_->BeginTransaction(stop_.get_token());
    EXPECT_TRUE(begun.ok()) << begun.status();
    return begun.ok() ? *std::move(begun) : nullptr;
  }
  std::string InSchema(const std::string& table) {
    return absl::StrCat(schema_.name(), ".", table);
  }
  absl::StatusOr<SqlRows> Write(HandlerTransaction& transaction, const std::string& entry) {
    return transaction.Execute(absl::StrCat("insert into ", InSchema("ledger"), " values ($1)"),
                               {entry});
  }
  void MustWrite(HandlerTransaction& transaction, const std::string& entry) {
    const auto written = Write(transaction, entry);
    EXPECT_TRUE(written.ok()) << written.status();
  }
  // Its backends, while they run a statement that looks so.
  std::string CountRunning(const std::string& statement) {
    return schema_.Query(
        "select count(*) from pg_stat_activity where application_name = '{schema}' "
        "and state = 'active' and query ilike '" +
        statement + "'");
  }
  std::string Ledger() {
    return schema_.Query("select string_agg(entry, ',' order by entry) from {schema}.ledger");
  }
  ClaimedJob AddAndClaim(JobSpec spec = {.task_identifier = "t"}) {
    Add(std::move(spec));
    const auto claimed = Claim(1);
    EXPECT_THAT(claimed, SizeIs(1));
    return claimed.empty() ? ClaimedJob() : claimed[0];
  }
  Completion Complete(HandlerTransaction& transaction, const ClaimedJob& job) {
    AttemptReport report = ReportOf(job, AttemptOutcome::kCompleted);
    report.result = "7";
    report.plain = false;
    return transaction.Complete(worker_, report);
  }
  // A look at the ledger that fails when a transaction commits, or does something then.
  void AtCommit(const std::string& body) {
    schema_.Query(
        "create function {schema}.at_commit() returns trigger language plpgsql as $$ begin " +
        body +
        "; return null; end $$;"
        "create constraint trigger at_commit after insert on {schema}.ledger deferrable initially "
        "deferred for each row execute function {schema}.at_commit()");
  }

  SystemClock clock_;
  std::unique_ptr<PostgresDatabase> handlers_;
  std::unique_ptr<PostgresHandlerStore> handler_store_;
  std::stop_source stop_;
};

TEST_F(HandlerTransactionTest, WritesJobsAndTheCompletionCommitTogether) {
  const ClaimedJob job = AddAndClaim({.task_identifier = "t", .queue_name = "q", .job_key = "k"});
  const TransactionPtr transaction = Begin();
  MustWrite(*transaction, "a");
  const auto added = transaction->AddJobs(
      {{.task_identifier = "new task"}, {.task_identifier = "t", .queue_name = "new queue"}});
  ASSERT_TRUE(added.ok()) << added.status();
  ASSERT_THAT(*added, SizeIs(2));
  EXPECT_EQ(Ledger(), "");
  EXPECT_TRUE(absl::IsNotFound(jobs_.GetJob(added->at(0).id).status()));
  const Completion completion = Complete(*transaction, job);
  EXPECT_EQ(completion.ending, Ending::kRecorded);
  EXPECT_EQ(Ledger(), "a");
  EXPECT_EQ(StateOf(added->at(0).id), JobState::kReady);
  EXPECT_EQ(StateOf(added->at(1).id), JobState::kScheduled);
  EXPECT_EQ(StateOf(job.job.id), JobState::kCompleted);
  const auto history = *jobs_.ListAttempts(job.job.id, 10);
  ASSERT_THAT(history, SizeIs(1));
  EXPECT_EQ(history[0].result, "7");
  EXPECT_EQ(history[0].finished_at, completion.recorded_at);
  EXPECT_EQ(*store_.FindCompletion({job.claim_id, job.job.id}), completion.recorded_at);
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.claim"), "0");
  EXPECT_EQ(schema_.Query("select head from {schema}.queue where name = 'q'"), "");
}

TEST_F(HandlerTransactionTest, WithoutACompletionNothingIsLeft) {
  const ClaimedJob job = AddAndClaim();
  {
    const TransactionPtr transaction = Begin();
    MustWrite(*transaction, "a");
    EXPECT_TRUE(transaction->AddJobs({{.task_identifier = "t"}}).ok());
  }
  EXPECT_EQ(Ledger(), "");
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.job"), "1");
  EXPECT_EQ(StateOf(job.job.id), JobState::kHeld);
  EXPECT_EQ(*store_.FindCompletion({job.claim_id, job.job.id}), std::nullopt);
}

TEST_F(HandlerTransactionTest, OfALostClaimNothingIsLeft) {
  const ClaimedJob job = AddAndClaim();
  const TransactionPtr transaction = Begin();
  MustWrite(*transaction, "a");
  // No lock of the transaction is in the way.
  ASSERT_THAT(*store_.Rescue(worker_), SizeIs(1));
  EXPECT_EQ(Complete(*transaction, job).ending, Ending::kClaimLost);
  EXPECT_EQ(Ledger(), "");
  EXPECT_EQ(StateOf(job.job.id), JobState::kReady);
}

TEST_F(HandlerTransactionTest, OthersOfItsClaimAreRecordedWhileItIsOpen) {
  AddMany(2, {.task_identifier = "t"});
  const auto claimed = Claim(2);
  ASSERT_EQ(claimed[0].claim_id, claimed[1].claim_id);
  const TransactionPtr transaction = Begin();
  MustWrite(*transaction, "a");
  EXPECT_EQ(Record(ReportOf(claimed[1], AttemptOutcome::kCompleted)), RecordVerdict::kAccepted);
  EXPECT_EQ(Complete(*transaction, claimed[0]).ending, Ending::kRecorded);
  EXPECT_EQ(StateOf(claimed[0].job.id), JobState::kCompleted);
}

TEST_F(HandlerTransactionTest, AStatementTakesParametersAndBringsRows) {
  const TransactionPtr transaction = Begin();
  const auto rows = transaction->Execute(
      "select $1::int + 1 as more, $2::text as nothing, $3::text", {"41", std::nullopt, "it's"});
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(rows->columns, ElementsAre("more", "nothing", "text"));
  EXPECT_THAT(rows->rows, ElementsAre(ElementsAre("42", std::nullopt, "it's")));
  MustWrite(*transaction, "a");
  const auto updated =
      transaction->Execute(absl::StrCat("update ", InSchema("ledger"), " set entry = 'b'"), {});
  EXPECT_EQ(updated->affected, 1);
  EXPECT_FALSE(transaction->Execute("select 1; select 2", {}).ok());
}

TEST_F(HandlerTransactionTest, AStatementThatFailedSpoilsTheTransaction) {
  const ClaimedJob job = AddAndClaim();
  const TransactionPtr transaction = Begin();
  MustWrite(*transaction, "a");
  EXPECT_TRUE(absl::IsAlreadyExists(Write(*transaction, "a").status()));
  const Completion completion = Complete(*transaction, job);
  EXPECT_EQ(completion.ending, Ending::kRolledBack);
  EXPECT_THAT(std::string(completion.error.message()), HasSubstr("duplicate key"));
  EXPECT_EQ(Ledger(), "");
  EXPECT_EQ(StateOf(job.job.id), JobState::kHeld);
}

// The rights that the server itself needs are not what it lacks.
TEST_F(HandlerTransactionTest, AHandlerThatLacksARightIsToldWhichAndNoMore) {
  const std::string role = schema_.name() + "_role";
  schema_.Query("create role " + role);
  {
    const TransactionPtr transaction = Begin();
    ASSERT_TRUE(transaction->Execute("set local role " + role, {}).ok());
    const absl::Status written = Write(*transaction, "a").status();
    EXPECT_TRUE(absl::IsPermissionDenied(written)) << written;
    EXPECT_THAT(std::string(written.message()),
                AllOf(HasSubstr("permission denied for schema " + schema_.name()),
                      Not(HasSubstr("administrator"))));
  }
  schema_.Query("drop role " + role);
}

TEST_F(HandlerTransactionTest, ASavepointMendsIt) {
  const ClaimedJob job = AddAndClaim();
  const TransactionPtr transaction = Begin();
  MustWrite(*transaction, "a");
  EXPECT_TRUE(transaction->Execute("savepoint before", {}).ok());
  EXPECT_FALSE(Write(*transaction, "a").ok());
  EXPECT_TRUE(transaction->Execute("rollback to savepoint before", {}).ok());
  MustWrite(*transaction, "b");
  EXPECT_EQ(Complete(*transaction, job).ending, Ending::kRecorded);
  EXPECT_EQ(Ledger(), "a,b");
}

TEST_F(HandlerTransactionTest, WhatFailsWhenItCommitsLeavesNothing) {
  AtCommit("raise exception 'not today'");
  const ClaimedJob job = AddAndClaim();
  const TransactionPtr transaction = Begin();
  MustWrite(*transaction, "a");
  const Completion completion = Complete(*transaction, job);
  EXPECT_EQ(completion.ending, Ending::kRolledBack);
  EXPECT_THAT(std::string(completion.error.message()), HasSubstr("not today"));
  EXPECT_EQ(StateOf(job.job.id), JobState::kHeld);
  EXPECT_EQ(Ledger(), "");
}

TEST_F(HandlerTransactionTest, AConnectionThatIsLostWhileItCommitsLeavesADoubtThatIsNotOnRecord) {
  AtCommit("perform pg_terminate_backend(pg_backend_pid())");
  const ClaimedJob job = AddAndClaim();
  const TransactionPtr transaction = Begin();
  MustWrite(*transaction, "a");
  EXPECT_EQ(Complete(*transaction, job).ending, Ending::kUnknown);
  EXPECT_EQ(*store_.FindCompletion({job.claim_id, job.job.id}), std::nullopt);
  EXPECT_EQ(StateOf(job.job.id), JobState::kHeld);
}

TEST_F(HandlerTransactionTest, ADoubtWaitsForACommitThatIsStillUnderWay) {
  // Commits once the test lets it, though nobody waits for it any more.
  AtCommit("perform pg_advisory_xact_lock(hashtext('{schema}'))");
  const ClaimedJob job = AddAndClaim();
  TransactionPtr transaction = Begin();
  ASSERT_TRUE(transaction->Execute("set local client_connection_check_interval = 0", {}).ok());
  MustWrite(*transaction, "a");
  pqxx::connection blocker(TestDatabaseUrl());
  pqxx::work blocking(blocker);
  blocking.exec("select pg_advisory_xact_lock(hashtext('" + schema_.name() + "'))");
  Completion completion;
  std::thread completing([&] { completion = Complete(*transaction, job); });
  EXPECT_TRUE(Eventually([&] { return CountRunning("commit%") == "1"; }));
  handlers_->CloseIn(absl::ZeroDuration());
  completing.join();
  EXPECT_EQ(completion.ending, Ending::kUnknown);
  absl::StatusOr<std::optional<absl::Time>> found;
  std::thread finding([&] { found = store_.FindCompletion({job.claim_id, job.job.id}); });
  EXPECT_TRUE(Eventually([&] {
    return schema_.Query(
               "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and "
               "query like '%{schema}.claim where id%'") == "1";
  }));
  blocking.abort();
  finding.join();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->has_value());
  EXPECT_EQ(Ledger(), "a");
  EXPECT_EQ(StateOf(job.job.id), JobState::kCompleted);
}

TEST_F(HandlerTransactionTest, AStatementThatWaitsEndsWhenTheHandlerIsAskedToStop) {
  const TransactionPtr first = Begin();
  MustWrite(*first, "a");
  TransactionPtr second = Begin();
  absl::Status waited;
  std::thread waiting([&] { waited = Write(*second, "a").status(); });
  EXPECT_TRUE(Eventually([&] { return CountRunning("insert into%") == "1"; }));
  stop_.request_stop();
  waiting.join();
  EXPECT_EQ(waited, absl::CancelledError("the handler was asked to stop"));
  EXPECT_TRUE(absl::IsCancelled(Write(*first, "b").status()));
  EXPECT_TRUE(absl::IsCancelled(first->AddJobs({{.task_identifier = "t"}}).status()));
  // The database does not go on with it either.
  EXPECT_TRUE(Eventually([&] { return CountRunning("insert into%") == "0"; }, absl::Seconds(30)));
}

TEST_F(HandlerTransactionTest, WhatWasDoneBeforeTheRequestToStopCanStillBeCommitted) {
  const ClaimedJob job = AddAndClaim();
  const TransactionPtr transaction = Begin();
  MustWrite(*transaction, "a");
  stop_.request_stop();
  EXPECT_EQ(Complete(*transaction, job).ending, Ending::kRecorded);
  EXPECT_EQ(Ledger(), "a");
}

TEST_F(HandlerTransactionTest, WaitingForAConnectionEndsWhenTheHandlerIsAskedToStop) {
  const TransactionPtr first = Begin();
  const TransactionPtr second = Begin();
  absl::StatusOr<TransactionPtr> third;
  std::thread waiting([&] { third = handler_store_->BeginTransaction(stop_.get_token()); });
  stop_.request_stop();
  waiting.join();
  EXPECT_TRUE(absl::IsCancelled(third.status())) << third.status();
}

TEST_F(HandlerTransactionTest, AConnectionIsUsedAgainUnlessItsSessionWasChanged) {
  handlers_ = MakeDatabase(1);
  handler_store_ = std::make_unique<PostgresHandlerStore>(*handlers_, jobs_);
  const auto pid = [](HandlerTransaction& transaction) {
    return *transaction.Execute("select pg_backend_pid()", {})->rows[0][0];
  };
  const std::string first = pid(*Begin());
  {
    const TransactionPtr same = Begin();
    EXPECT_EQ(pid(*same), first);
    EXPECT_TRUE(same->Execute("set search_path = nowhere", {}).ok());
  }
  const TransactionPtr other = Begin();
  EXPECT_NE(pid(*other), first);
}

TEST_F(HandlerTransactionTest, AnIdleConnectionThatWasLostIsReplaced) {
  Begin().reset();
  schema_.Query(
      "select pg_terminate_backend(pid, 60000) from pg_stat_activity where application_name = "
      "'{schema}'");
  const TransactionPtr transaction = Begin();
  ASSERT_NE(transaction, nullptr);
  MustWrite(*transaction, "a");
}

TEST_F(HandlerTransactionTest, TheProgressOfTheAttemptGoesWithIt) {
  const ClaimedJob job = AddAndClaim();
  ASSERT_TRUE(store_.WriteProgress({{{job.claim_id, job.job.id}, {.percent = 50}}}).ok());
  const TransactionPtr transaction = Begin();
  EXPECT_EQ(Complete(*transaction, job).ending, Ending::kRecorded);
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.progress"), "0");
}

}  // namespace
}  // namespace millrace
