// What a handler gets beside its job, with a whole pool on real PostgreSQL (contract A12, E1).

#include "tests/pool/pool_on_postgres.h"

namespace millrace {
namespace {

class HandlerContextTest : public PoolOnPostgres {
 protected:
  HandlerContextTest() { schema_.Query("create table {schema}.ledger (job bigint primary key)"); }

  // Writes the job's number in the transaction of the attempt.
  absl::Status WriteLedger(TaskContext& context) {
    const absl::StatusOr<TaskTransaction*> begun = context.BeginTransaction();
    if (!begun.ok()) return begun.status();
    const std::string sql = absl::StrCat("insert into ", schema_.name(), ".ledger values ($1)");
    return (*begun)
        ->Execute(SqlText::MadeAtRunTime(sql), {absl::StrCat(context.job().id)})
        .status();
  }
  std::string Ledger() {
    return schema_.Query("select string_agg(job::text, ',') from {schema}.ledger");
  }
};

TEST_F(HandlerContextTest, SuccessCommitsTheTransactionWithTheCompletion) {
  OnRun([&](TaskContext& context) {
    EXPECT_EQ(WriteLedger(context), absl::OkStatus());
    return TaskResult::Success("1");
  });
  const JobId id = AddInLine({.task_identifier = "act"});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(Account(id), (JobAccount{.job = "completed, 1 of 25 attempts",
                                     .history = {"attempt 1 completed in 5s; result 1"},
                                     .queue_head = "the next one",
                                     .events = {"job/completed attempt 1 in 5s"},
                                     .stats = "claimed 1, completed 1"}));
  EXPECT_EQ(Ledger(), absl::StrCat(id));
}

TEST_F(HandlerContextTest, AFailureRollsTheTransactionBack) {
  OnRun([&](TaskContext& context) {
    EXPECT_EQ(WriteLedger(context), absl::OkStatus());
    return TaskResult::Fail("no luck");
  });
  const JobId id = AddInLine({.task_identifier = "act"});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_EQ(Account(id),
            (JobAccount{.job = "scheduled 2s later, 1 of 25 attempts, last error: no luck",
                        .history = {"attempt 1 failed in 5s: no luck"},
                        .queue_head = "the next one",
                        .events = {"job/failed attempt 1 in 5s: no luck; runs again"},
                        .stats = "claimed 1, failed 1"}));
  EXPECT_EQ(Ledger(), "");
}

TEST_F(HandlerContextTest, ATransactionOfALostClaimIsRefusedAsItsOutcomeIs) {
  OnRun([&](TaskContext& context) {
    // The pool registers anew and claims it again.
    if (context.job().attempt > 1) {
      context.WaitFor(absl::InfiniteDuration());
      return TaskResult::Fail("asked to stop");
    }
    EXPECT_EQ(WriteLedger(context), absl::OkStatus());
    EXPECT_EQ(store_.Rescue(OwnWorker()).status(), absl::OkStatus());
    return TaskResult::Success();
  });
  Add({.task_identifier = "act"});
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  gate_.Open();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobStaleOutcome));
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.attempt_outcome where outcome = 'c'"),
            "0");
  EXPECT_EQ(Ledger(), "");
}

TEST_F(HandlerContextTest, AHandlerThatWaitsForALockEndsWithItsTimeLimit) {
  config_.max_job_execution_time = absl::Seconds(90);
  pqxx::connection blocker(TestDatabaseUrl());
  pqxx::work blocking(blocker);
  blocking.exec("lock table " + schema_.name() + ".ledger");
  absl::Status waited;
  tasks_.Add("waits", [&](TaskContext& context) {
    arrived_.Open();
    waited = WriteLedger(context);
    return TaskResult::Fail(std::string(waited.message()));
  });
  const JobId id = Add({.task_identifier = "waits"});
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  ASSERT_TRUE(Eventually([&] {
    return schema_.Query(
               "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and "
               "query like 'insert into {schema}.ledger%'") == "1";
  }));
  clock_.Advance(absl::Seconds(90));
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_TRUE(absl::IsCancelled(waited)) << waited;
  blocking.abort();
  EXPECT_EQ(Look(id).last_error, "timed out after 90000 ms");
  EXPECT_EQ(Ledger(), "");
}

TEST_F(HandlerContextTest, AHandlerAddsJobsThatRunAtOnce) {
  OnRun([&](TaskContext& context) {
    EXPECT_TRUE(context.AddJob({.task_identifier = "ok"}).ok());
    const absl::StatusOr<TaskTransaction*> begun = context.BeginTransaction();
    EXPECT_TRUE((*begun)->AddJob({.task_identifier = "ok"}).ok());
    return TaskResult::Success();
  });
  Add({.task_identifier = "act"});
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  gate_.Open();
  EXPECT_TRUE(events_.WaitFor(EventType::kJobCompleted, 3));
}

TEST_F(HandlerContextTest, ProgressIsShownWhileTheJobRunsAndNotAfterwards) {
  tasks_.Add("tells", [this](TaskContext& context) {
    EXPECT_EQ(context.ReportProgress(40, "reading", {{"rows", 4}}), absl::OkStatus());
    gate_.Pass();
  });
  const JobId id = AddInLine({.task_identifier = "tells"});
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobProgress));
  const JobDetails running = Look(id);
  ASSERT_TRUE(running.progress.has_value());
  EXPECT_EQ(running.progress->progress, (JobProgress{40, "reading", {{"rows", 4}}}));
  gate_.Open();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_FALSE(Look(id).progress.has_value());
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.progress"), "0");
}

}  // namespace
}  // namespace millrace
