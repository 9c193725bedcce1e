// What becomes of jobs that a lost pool held (contract A9, E2), and of its late reports, on real
// PostgreSQL.

#include "tests/pool/pool_on_postgres.h"

namespace millrace {
namespace {

// Another pool holds a job and is never heard of again. The pool under test does not run the job's
// task: what it frees stays where it was put.
class LostJobTest : public PoolOnPostgres {
 protected:
  LostJobTest() {
    config_.lease_ttl = absl::Seconds(15);
    config_.heartbeat_interval = absl::Seconds(3);
    lost_ = RegisterOtherPool("the lost one");
  }

  void RescueByOurPool() {
    StartPool();
    ASSERT_TRUE(Eventually([this] {
      clock_.Advance(absl::Seconds(1));
      return !events_.OfType(EventType::kJobRescued).empty();
    }));
  }

  WorkerNumber lost_ = 0;
};

TEST_F(LostJobTest, AJobWithAttemptsLeftIsAvailableAndItsAttemptCounted) {
  const JobId id = AddInLine({.task_identifier = "elsewhere"});
  ASSERT_EQ(ClaimFor(lost_, "elsewhere").size(), 1u);
  RescueByOurPool();
  EXPECT_EQ(
      Account(id),
      (JobAccount{.job = "ready, 1 of 25 attempts, last error: worker lost, start unknown",
                  .history = {"attempt 1 lost in 0 by the lost one: worker lost, start unknown"},
                  .queue_head = "itself",
                  .events = {"job/rescued attempt 1 in 0: worker lost"},
                  .stats = ""}));
}

TEST_F(LostJobTest, ALastAttemptWhoseStartIsOnRecordExhaustsItsJob) {
  const JobId id = AddInLine({.task_identifier = "elsewhere", .max_attempts = 1});
  const std::vector<ClaimedJob> claimed = ClaimFor(lost_, "elsewhere");
  ASSERT_EQ(claimed.size(), 1u);
  ASSERT_TRUE(store_.RecordLastAttemptStarts({{claimed[0].claim_id, id}}).ok());
  RescueByOurPool();
  EXPECT_EQ(Account(id),
            (JobAccount{.job = "exhausted, 1 of 1 attempts, last error: worker lost",
                        .history = {"attempt 1 lost in 0 by the lost one: worker lost"},
                        .queue_head = "the next one",
                        .events = {"job/rescued attempt 1 in 0: worker lost",
                                   "job/exhausted attempt 1 in 0: worker lost"},
                        .stats = "failed 1"}));
}

TEST_F(LostJobTest, ALastAttemptWithoutAStartOnRecordIsNotCounted) {
  const JobId id = AddInLine({.task_identifier = "elsewhere", .max_attempts = 1});
  ASSERT_EQ(ClaimFor(lost_, "elsewhere").size(), 1u);
  RescueByOurPool();
  EXPECT_EQ(Account(id), (JobAccount{.job = "ready, 0 of 1 attempts",
                                     .history = {},
                                     .queue_head = "itself",
                                     .events = {"job/rescued attempt 0 in 0: worker lost"},
                                     .stats = ""}));
}

TEST_F(LostJobTest, TheStartOfALastAttemptIsOnRecordWhileItsHandlerRuns) {
  config_.lease_ttl = absl::Hours(20);
  config_.heartbeat_interval = absl::Hours(5);
  Add({.task_identifier = "stubborn", .max_attempts = 1});
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  EXPECT_EQ(schema_.Query("select cardinality(started_last) from {schema}.claim"), "1");
}

// The pool under test is given up while its handler runs, and another one takes the job.
class LateReportTest : public PoolOnPostgres {
 protected:
  // It looks for no other job meanwhile, and so does not learn that it was given up.
  LateReportTest() { config_.concurrency = 1; }

  // What is known of the job when the handler has come to its end all the same.
  JobAccount ReportLate(JobId id) {
    StartPool();
    EXPECT_TRUE(gate_.WaitForArrivals(1));
    EXPECT_TRUE(store_.Rescue(OwnWorker()).ok());
    EXPECT_EQ(ClaimFor(RegisterOtherPool("the next one"), "act").size(), 1u);
    clock_.Advance(absl::Seconds(5));
    gate_.Open();
    EXPECT_TRUE(events_.WaitFor(EventType::kJobStaleOutcome));
    // At the next heartbeat it learns that its lease was ended.
    clock_.Advance(config_.heartbeat_interval);
    EXPECT_TRUE(events_.WaitFor(EventType::kWorkerError));
    return Account(id);
  }

  JobAccount Unchanged(const std::string& queue_head) {
    return {.job = "held by the next one, 2 of 25 attempts, last error: worker lost, start unknown",
            .history = {"attempt 1 lost in 0: worker lost, start unknown"},
            .queue_head = queue_head,
            .events = {"job/stale-outcome attempt 1 in 5s: not accepted: the claim no longer holds "
                       "the job"},
            .stats = "claimed 1, errors"};
  }
};

TEST_F(LateReportTest, ASuccessThatIsReportedTooLateChangesNothing) {
  OnRun([](TaskContext&) { return TaskResult::Success("1"); });
  const JobId id = AddInLine({.task_identifier = "act"});
  EXPECT_EQ(ReportLate(id), Unchanged("itself"));
}

TEST_F(LateReportTest, ASuccessThatTakesTheShortWayTooLateChangesNothing) {
  OnRun([](TaskContext&) { return TaskResult::Success(); });
  const JobId id = Add({.task_identifier = "act"});
  EXPECT_EQ(ReportLate(id), Unchanged(""));
}

TEST_F(LateReportTest, AFailureThatIsReportedTooLateChangesNothing) {
  OnRun([](TaskContext&) { return TaskResult::Fail(""); });
  const JobId id = AddInLine({.task_identifier = "act"});
  EXPECT_EQ(ReportLate(id), Unchanged("itself"));
}

TEST_F(LateReportTest, ASnoozeThatIsReportedTooLateChangesNothing) {
  OnRun([](TaskContext&) { return TaskResult::Snooze(absl::Hours(1)); });
  const JobId id = AddInLine({.task_identifier = "act"});
  EXPECT_EQ(ReportLate(id), Unchanged("itself"));
}

}  // namespace
}  // namespace millrace
