// What handlers can use beside their job: adding further jobs, and a transaction (contract A12).

#include "tests/unit/pool/fake_handler_store.h"
#include "tests/unit/pool/pool_fixture.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Ending = Completion::Ending;

class PoolHandlerServicesTest : public PoolFixture {
 public:
  ~PoolHandlerServicesTest() override {
    gate_.Open();
    store_.Mend();
    pool_.reset();
  }

 protected:
  PoolHandlerServicesTest() {
    // Works in a transaction and returns what the test wants.
    tasks_.Add("books", [this](TaskContext& context) {
      const absl::StatusOr<TaskTransaction*> transaction = context.BeginTransaction();
      EXPECT_TRUE(transaction.ok()) << transaction.status();
      EXPECT_TRUE((*transaction)->Execute("insert").ok());
      return result_;
    });
  }

  HandlerServices handler_services() override {
    return {&jobs_, &transactions_, {{.payload_bytes = 1024}, 9}};
  }
  AttemptReport LastReport(JobId id) const { return store_.Look(id).history.back(); }

  JobCollector jobs_;
  FakeHandlerStore transactions_;
  TaskResult result_ = TaskResult::Success("1");
};

TEST_F(PoolHandlerServicesTest, AHandlerAddsJobsByTheRulesOfTheServer) {
  absl::Status refused, too_large;
  tasks_.Add("adds", [&](TaskContext& context) {
    EXPECT_EQ(context.AddJob({.task_identifier = "a"})->id, 1);
    EXPECT_THAT(*context.AddJobs({{.task_identifier = "b"}, {.task_identifier = "c"}}), SizeIs(2));
    refused = context.AddJob({.task_identifier = "d", .priority = 1'000'000}).status();
    const std::string large = R"({"a": ")" + std::string(1024, 'x') + R"("})";
    too_large = context.AddJobs({{.task_identifier = "e", .payload = large}}).status();
  });
  store_.AddTask("adds");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(refused.ToString(),
            "INVALID_ARGUMENT: job.priority: must be -32768 to 32767, got 1000000");
  EXPECT_EQ(too_large.ToString(),
            "INVALID_ARGUMENT: jobs[0].payload: at most 1024 bytes, got 1033");
  const std::vector<JobSpec> added = jobs_.specs();
  ASSERT_THAT(added, SizeIs(3));
  EXPECT_EQ(added[2].task_identifier, "c");
  EXPECT_EQ(added[2].max_attempts, 9);
}

TEST_F(PoolHandlerServicesTest, TheClaimerLooksAtOnceForAJobThatAHandlerHasAdded) {
  tasks_.Add("adds", [&](TaskContext& context) {
    ASSERT_TRUE(WaitUntilIdle());
    store_.AddTask("ok");
    ASSERT_TRUE(context.AddJob({.task_identifier = "ok"}).ok());
  });
  store_.AddTask("adds");
  StartPool();
  // Nobody else wakes the claimer, and the clock stands still.
  EXPECT_TRUE(events_.WaitFor(EventType::kJobCompleted, 2));
}

TEST_F(PoolHandlerServicesTest, AHandlerThatWasAskedToStopAddsNothingMore) {
  absl::Status added, begun;
  tasks_.Add("adds", [&](TaskContext& context) {
    arrived_.Open();
    context.WaitFor(absl::InfiniteDuration());
    added = context.AddJob({.task_identifier = "a"}).status();
    begun = context.BeginTransaction().status();
    return TaskResult::Fail("asked to stop");
  });
  store_.AddTask("adds");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  ASSERT_TRUE(pool_->Stop(absl::ZeroDuration()).ok());
  EXPECT_EQ(added, absl::CancelledError("the handler was asked to stop"));
  EXPECT_EQ(begun, added);
  EXPECT_THAT(jobs_.specs(), IsEmpty());
  EXPECT_THAT(JobEvents(EventType::kJobInterrupted), SizeIs(1));
}

TEST_F(PoolHandlerServicesTest, SuccessCommitsAndNeedsNoOtherRecord) {
  const absl::Time recorded_at = clock_.Now();
  AttemptReport report;
  transactions_.CompleteWith({Ending::kRecorded, {}, recorded_at},
                             [&](const AttemptReport& said) { report = said; });
  const JobId id = store_.AddTask("books");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  // The event may come before the worker is done with the transaction.
  ASSERT_TRUE(pool_->Stop(absl::ZeroDuration()).ok());
  EXPECT_THAT(transactions_.log(), ElementsAre("begin", "insert", "complete", "end"));
  EXPECT_EQ(report.job_id, id);
  EXPECT_EQ(report.outcome, AttemptOutcome::kCompleted);
  EXPECT_EQ(report.result, "1");
  EXPECT_EQ(store_.CountCalls(Call::kRecord), 0);
  EXPECT_EQ(pool_->Stats().completed, 1);
  EXPECT_EQ(JobEvents(EventType::kJobCompleted)[0].job_id, id);
}

TEST_F(PoolHandlerServicesTest, AnyOtherEndRollsBackAndIsRecordedAsAlways) {
  const std::vector<std::pair<TaskResult, EventType>> ends = {
      {TaskResult::Fail("no"), EventType::kJobFailed},
      {TaskResult::PartiallyDone({{"a"}, {}, "b", "{}"}), EventType::kJobPartialSuccess},
      {TaskResult::Snooze(absl::Hours(1)), EventType::kJobSnoozed},
      {TaskResult::Cancel("no use"), EventType::kJobCancelled}};
  StartPool();
  for (const auto& [result, event] : ends) {
    result_ = result;
    AddAndWake("books");
    ASSERT_TRUE(events_.WaitFor(event));
  }
  EXPECT_THAT(transactions_.log(), ElementsAre("begin", "insert", "end", "begin", "insert", "end",
                                               "begin", "insert", "end", "begin", "insert", "end"));
}

TEST_F(PoolHandlerServicesTest, AFailureIsRolledBackBeforeItIsRecorded) {
  store_.Hang(Call::kRecord);
  result_ = TaskResult::Fail("no");
  store_.AddTask("books");
  StartPool();
  ASSERT_TRUE(store_.WaitForCalls(Call::kRecord, 1));
  EXPECT_THAT(transactions_.log(), ElementsAre("begin", "insert", "end"));
  store_.Release(Call::kRecord);
}

TEST_F(PoolHandlerServicesTest, ATransactionOfALostClaimIsAStaleOutcome) {
  transactions_.CompleteWith({Ending::kClaimLost, {}, {}});
  store_.AddTask("books");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobStaleOutcome));
  EXPECT_EQ(store_.CountCalls(Call::kRecord), 0);
  EXPECT_EQ(pool_->Stats().completed, 0);
  EXPECT_EQ(pool_->Stats().failed, 0);
}

TEST_F(PoolHandlerServicesTest, WhatCannotBeCommittedIsAFailureWithItsReason) {
  transactions_.CompleteWith({Ending::kRolledBack, absl::AbortedError("deadlock detected"), {}});
  const JobId id = store_.AddTask("books");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_EQ(LastReport(id).error_message, "its transaction was not committed: deadlock detected");
  EXPECT_EQ(LastReport(id).delay, absl::Seconds(2));
  EXPECT_EQ(LastReport(id).result, "");
}

TEST_F(PoolHandlerServicesTest, WhatCannotBeCommittedIsAnInterruptionIfThePoolStops) {
  tasks_.Add("late", [this](TaskContext& context) {
    EXPECT_TRUE(context.BeginTransaction().ok());
    arrived_.Open();
    context.WaitFor(absl::InfiniteDuration());
  });
  transactions_.CompleteWith({Ending::kRolledBack, absl::CancelledError("cut"), {}});
  store_.AddTask("late");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  const absl::StatusOr<StopReport> report = pool_->Stop(absl::ZeroDuration());
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->interrupted, 1);
  EXPECT_THAT(JobEvents(EventType::kJobInterrupted), SizeIs(1));
}

TEST_F(PoolHandlerServicesTest, ACommitInDoubtThatIsOnRecordIsACompletion) {
  transactions_.CompleteWith(
      {Ending::kUnknown, absl::UnavailableError("lost while committing"), {}},
      [this](const AttemptReport& report) { EXPECT_TRUE(store_.Record(1, {report}).ok()); });
  const JobId id = store_.AddTask("books");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(store_.CountCalls(Call::kFindCompletion), 1);
  EXPECT_EQ(store_.CountCalls(Call::kRecord), 1);
  EXPECT_EQ(store_.Look(id).state, JobState::kCompleted);
  EXPECT_EQ(pool_->Stats().completed, 1);
}

TEST_F(PoolHandlerServicesTest, ACommitInDoubtThatIsNotOnRecordIsAFailure) {
  transactions_.CompleteWith({Ending::kUnknown, absl::UnavailableError("lost"), {}});
  const JobId id = store_.AddTask("books");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_EQ(LastReport(id).error_message,
            "its transaction was not committed: the connection to the database was lost");
  EXPECT_EQ(store_.Look(id).state, JobState::kScheduled);
  EXPECT_EQ(pool_->Stats().completed, 0);
}

TEST_F(PoolHandlerServicesTest, ADoubtIsSettledOnceTheDatabaseIsBack) {
  store_.Fail(Call::kFindCompletion, absl::UnavailableError("away"), FakePoolStore::kAlways);
  transactions_.CompleteWith({Ending::kUnknown, absl::UnavailableError("lost"), {}});
  store_.AddTask("books");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kWorkerError));
  EXPECT_THAT(JobEvents(EventType::kJobFailed), IsEmpty());
  store_.Mend();
  EXPECT_TRUE(Eventually([&] {
    clock_.Advance(absl::Milliseconds(100));
    return !JobEvents(EventType::kJobFailed).empty();
  }));
}

TEST_F(PoolHandlerServicesTest, ADoubtThatTheDatabaseDoesNotSettleIsLeftToTheEndOfTheLease) {
  store_.Fail(Call::kFindCompletion, absl::UnavailableError("away"), FakePoolStore::kAlways);
  transactions_.CompleteWith({Ending::kUnknown, absl::UnavailableError("lost"), {}});
  store_.AddTask("books");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kWorkerError));
  EXPECT_EQ(pool_->Close(), 1u);
}

TEST_F(PoolHandlerServicesTest, AnAttemptHasOneTransaction) {
  absl::Status second;
  tasks_.Add("greedy", [&](TaskContext& context) {
    EXPECT_TRUE(context.BeginTransaction().ok());
    second = context.BeginTransaction().status();
    return TaskResult::Fail("as it should");
  });
  store_.AddTask("greedy");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
}

}  // namespace
}  // namespace millrace
