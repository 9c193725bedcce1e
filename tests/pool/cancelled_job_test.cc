// What becomes of a job that an operator cancels or fails for good, wherever it is then (contract
// A9, C7), on real PostgreSQL.

#include "tests/pool/pool_on_postgres.h"

namespace millrace {
namespace {

class CancelledJobTest : public PoolOnPostgres {
 protected:
  explicit CancelledJobTest(Time time = Time::kStandsStill) : PoolOnPostgres(time) {}

  // Cancels it, and tells the pool as the server does.
  void Cancel(JobId id, EndResult expected) { End(id, JobEnding::kCancel, "not wanted", expected); }
  void Fail(JobId id, EndResult expected) { End(id, JobEnding::kFail, "no use", expected); }
  void End(JobId id, JobEnding ending, const std::string& reason, EndResult expected) {
    const auto results = jobs_.EndJobs({id}, ending, reason);
    ASSERT_TRUE(results.ok()) << results.status();
    EXPECT_EQ(results->at(0), expected);
    if (pool_ != nullptr) pool_->NoteCancelled();
  }

  // Lets the pool look for work once, and run a job that it finds.
  void RunAnother() {
    const size_t before = events_.OfType(EventType::kJobCompleted).size();
    Add({.task_identifier = "ok"});
    if (pool_ == nullptr) StartPool();
    pool_->Wake();
    ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted, before + 1));
  }
};

TEST_F(CancelledJobTest, AJobThatIsReadyEndsAtOnceAndNobodyHears) {
  OnRun([](TaskContext&) { return TaskResult::Success(); });
  const JobId id = AddInLine({.task_identifier = "act"});
  Cancel(id, EndResult::kEnded);
  ASSERT_NO_FATAL_FAILURE(RunAnother());
  EXPECT_EQ(Account(id), (JobAccount{.job = "cancelled, 0 of 25 attempts, last error: not wanted",
                                     .history = {"attempt 0 cancelled in 0 by nobody: not wanted"},
                                     .queue_head = "the next one",
                                     .events = {},
                                     .stats = "claimed 1, completed 1"}));
}

TEST_F(CancelledJobTest, AJobThatWaitsForItsRetryEndsAtOnce) {
  OnRun([](TaskContext&) { return TaskResult::Fail("no luck"); });
  const JobId id = AddInLine({.task_identifier = "act"});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  Cancel(id, EndResult::kEnded);
  EXPECT_EQ(Account(id), (JobAccount{.job = "cancelled, 1 of 25 attempts, last error: not wanted",
                                     .history = {"attempt 1 failed in 5s: no luck",
                                                 "attempt 0 cancelled in 0 by nobody: not wanted"},
                                     .queue_head = "the next one",
                                     .events = {"job/failed attempt 1 in 5s: no luck; runs again"},
                                     .stats = "claimed 1, failed 1"}));
}

TEST_F(CancelledJobTest, AnExhaustedJobEndsAtOnce) {
  OnRun([](TaskContext&) { return TaskResult::Fail("no luck"); });
  const JobId id = AddInLine({.task_identifier = "act", .max_attempts = 1});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobExhausted));
  Cancel(id, EndResult::kEnded);
  EXPECT_EQ(Account(id), (JobAccount{.job = "cancelled, 1 of 1 attempts, last error: not wanted",
                                     .history = {"attempt 1 failed in 5s: no luck",
                                                 "attempt 0 cancelled in 0 by nobody: not wanted"},
                                     .queue_head = "the next one",
                                     .events = {"job/exhausted attempt 1 in 5s: no luck"},
                                     .stats = "claimed 1, failed 1"}));
}

TEST_F(CancelledJobTest, AJobThatIsFailedForGoodWhileItWaitsIsExhaustedAtOnceAndNobodyHears) {
  OnRun([](TaskContext&) { return TaskResult::Success(); });
  const JobId id = AddInLine({.task_identifier = "act"});
  Fail(id, EndResult::kEnded);
  ASSERT_NO_FATAL_FAILURE(RunAnother());
  EXPECT_EQ(Account(id), (JobAccount{.job = "exhausted, 0 of 25 attempts, last error: no use",
                                     .history = {"attempt 0 failed in 0 by nobody: no use"},
                                     .queue_head = "the next one",
                                     .events = {},
                                     .stats = "claimed 1, completed 1"}));
}

// The workers are busy, and more was claimed ahead, as a pool does that has run many quick jobs.
class CancelledBufferedJobTest : public CancelledJobTest {
 public:
  ~CancelledBufferedJobTest() override {
    gate_.Open();
    pool_.reset();
  }

 protected:
  CancelledBufferedJobTest() : CancelledJobTest(Time::kReal) {
    config_.poll_interval = absl::Milliseconds(100);
  }
  void AddMany(const std::string& task, int count) {
    ASSERT_TRUE(jobs_.AddJobs(std::vector<JobSpec>(count, {.task_identifier = task})).ok());
  }
  // Starts the pool, and sees to it that this one is buffered.
  void AddBuffered() {
    AddMany("ok", 1000);
    AddMany("stubborn", config_.concurrency);
    id_ = AddInLine({.task_identifier = "ok"});
    AddMany("stubborn", 50);
    StartPool();
    ASSERT_TRUE(gate_.WaitForArrivals(config_.concurrency));
    ASSERT_TRUE(Eventually([this] { return pool_->Stats().buffered > 0; }));
  }

  JobId id_ = 0;
};

TEST_F(CancelledBufferedJobTest, ItIsGivenBackAndEnds) {
  ASSERT_NO_FATAL_FAILURE(AddBuffered());
  Cancel(id_, EndResult::kRequested);
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCancelled));
  // It waited for nobody.
  EXPECT_EQ(gate_.arrived(), config_.concurrency);
  gate_.Open();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted, 1052));
  EXPECT_EQ(Account(id_), (JobAccount{.job = "cancelled, 0 of 25 attempts, last error: not wanted",
                                      .history = {"attempt 0 cancelled in 0: not wanted"},
                                      .queue_head = "the next one",
                                      .events = {"job/cancelled attempt 0 in 0: not wanted"},
                                      .stats = "claimed 1053, completed 1052"}));
}

TEST_F(CancelledBufferedJobTest, WhatIsFailedForGoodIsGivenBackAndExhausted) {
  ASSERT_NO_FATAL_FAILURE(AddBuffered());
  Fail(id_, EndResult::kRequested);
  ASSERT_TRUE(events_.WaitFor(EventType::kJobExhausted));
  EXPECT_EQ(gate_.arrived(), config_.concurrency);
  gate_.Open();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted, 1052));
  EXPECT_EQ(Account(id_), (JobAccount{.job = "exhausted, 0 of 25 attempts, last error: no use",
                                      .history = {"attempt 0 failed in 0: no use"},
                                      .queue_head = "the next one",
                                      .events = {"job/exhausted attempt 0 in 0: no use"},
                                      .stats = "claimed 1053, completed 1052"}));
}

// Its handler runs when it is cancelled.
class CancelledRunningJobTest : public CancelledJobTest {
 protected:
  // Registers the task "asked": it waits until it is asked to stop, and then does this.
  void OnStop(const std::function<TaskResult()>& act) {
    tasks_.Add("asked", [this, act](TaskContext& context) {
      arrived_.Open();
      context.WaitFor(absl::InfiniteDuration());
      reason_ = context.stop_reason();
      return act();
    });
  }
  // Cancels it once its handler has run for five seconds, and returns what is known of it when the
  // event has come.
  JobAccount RunAndCancel(const EventType until, int max_attempts = 25) {
    return RunAndEnd(JobEnding::kCancel, "not wanted", until, max_attempts);
  }
  JobAccount RunAndFail(const EventType until) {
    return RunAndEnd(JobEnding::kFail, "no use", until, 25);
  }
  JobAccount RunAndEnd(JobEnding ending, const std::string& reason, const EventType until,
                       int max_attempts) {
    const JobId id = AddInLine({.task_identifier = "asked", .max_attempts = max_attempts});
    StartPool();
    EXPECT_TRUE(arrived_.WaitForOpen());
    clock_.Advance(absl::Seconds(5));
    End(id, ending, reason, EndResult::kRequested);
    EXPECT_TRUE(events_.WaitFor(until));
    EXPECT_EQ(reason_, StopReason::kCancelled);
    EXPECT_EQ(schema_.Query("select count(*) from {schema}.cancel_mark"), "0");
    return Account(id);
  }

  // `left` is what the handler has left behind, as history tells it.
  static JobAccount Cancelled(int max_attempts, const std::string& left) {
    return {
        .job = absl::StrCat("cancelled, 1 of ", max_attempts, " attempts, last error: not wanted"),
        .history = {"attempt 1 cancelled in 5s: not wanted" + left},
        .queue_head = "the next one",
        .events = {"job/cancelled attempt 1 in 5s: not wanted"},
        .stats = "claimed 1"};
  }
  static JobAccount Failed(const std::string& left) {
    return {.job = "exhausted, 1 of 25 attempts, last error: no use",
            .history = {"attempt 1 failed in 5s: no use" + left},
            .queue_head = "the next one",
            .events = {"job/exhausted attempt 1 in 5s: no use"},
            .stats = "claimed 1, failed 1"};
  }

 private:
  StopReason reason_ = StopReason::kNone;
};

TEST_F(CancelledRunningJobTest, AFailureIsNotRetried) {
  OnStop([] { return TaskResult::Fail("asked to stop"); });
  EXPECT_EQ(RunAndCancel(EventType::kJobCancelled), Cancelled(25, " | asked to stop"));
}

TEST_F(CancelledRunningJobTest, WhatIsThrownIsNotRetried) {
  OnStop([]() -> TaskResult { throw std::runtime_error("thrown up"); });
  EXPECT_EQ(RunAndCancel(EventType::kJobCancelled), Cancelled(25, " | thrown up"));
}

TEST_F(CancelledRunningJobTest, AFailedLastAttemptDoesNotExhaustIt) {
  OnStop([] { return TaskResult::Fail("asked to stop"); });
  EXPECT_EQ(RunAndCancel(EventType::kJobCancelled, /*max_attempts=*/1),
            Cancelled(1, " | asked to stop"));
}

TEST_F(CancelledRunningJobTest, APartialSuccessIsNotRetried) {
  OnStop([] { return TaskResult::PartiallyDone({{"read"}, {}, "write", "{}"}); });
  EXPECT_EQ(RunAndCancel(EventType::kJobCancelled),
            Cancelled(25, "; done read; failed ; next write; results {}"));
}

TEST_F(CancelledRunningJobTest, ASnoozedJobDoesNotRunAgain) {
  OnStop([] { return TaskResult::Snooze(absl::Minutes(7)); });
  EXPECT_EQ(RunAndCancel(EventType::kJobCancelled), Cancelled(25, ""));
}

TEST_F(CancelledRunningJobTest, AHandlerThatCancelsItsJobGivesItsOwnReason) {
  OnStop([] { return TaskResult::Cancel("gone", "the detail"); });
  EXPECT_EQ(RunAndCancel(EventType::kJobCancelled),
            (JobAccount{.job = "cancelled, 1 of 25 attempts, last error: gone",
                        .history = {"attempt 1 cancelled in 5s: gone | the detail"},
                        .queue_head = "the next one",
                        .events = {"job/cancelled attempt 1 in 5s: gone"},
                        .stats = "claimed 1"}));
}

TEST_F(CancelledRunningJobTest, ACompletionCountsAllTheSame) {
  OnStop([] { return TaskResult::Success("1"); });
  EXPECT_EQ(RunAndCancel(EventType::kJobCompleted),
            (JobAccount{.job = "completed, 1 of 25 attempts",
                        .history = {"attempt 1 completed in 5s; result 1"},
                        .queue_head = "the next one",
                        .events = {"job/completed attempt 1 in 5s"},
                        .stats = "claimed 1, completed 1"}));
}

TEST_F(CancelledRunningJobTest, AFailureOfWhatIsFailedForGoodIsNotRetried) {
  OnStop([] { return TaskResult::Fail("asked to stop"); });
  EXPECT_EQ(RunAndFail(EventType::kJobExhausted), Failed(" | asked to stop"));
}

TEST_F(CancelledRunningJobTest, APartialSuccessOfWhatIsFailedForGoodIsNotRetried) {
  OnStop([] { return TaskResult::PartiallyDone({{"read"}, {}, "write", "{}"}); });
  EXPECT_EQ(RunAndFail(EventType::kJobExhausted),
            Failed("; done read; failed ; next write; results {}"));
}

TEST_F(CancelledRunningJobTest, AHandlerThatCancelsWhatIsFailedForGoodDoesNotHaveItsWay) {
  OnStop([] { return TaskResult::Cancel("gone"); });
  EXPECT_EQ(RunAndFail(EventType::kJobExhausted), Failed(" | gone"));
}

TEST_F(CancelledRunningJobTest, ACompletionOfWhatIsFailedForGoodCountsAllTheSame) {
  OnStop([] { return TaskResult::Success("1"); });
  EXPECT_EQ(RunAndFail(EventType::kJobCompleted),
            (JobAccount{.job = "completed, 1 of 25 attempts",
                        .history = {"attempt 1 completed in 5s; result 1"},
                        .queue_head = "the next one",
                        .events = {"job/completed attempt 1 in 5s"},
                        .stats = "claimed 1, completed 1"}));
}

TEST_F(CancelledJobTest, AHandlerThatIsInterruptedAsWellDoesNotRunAgain) {
  const JobId id = AddInLine({.task_identifier = "obedient"});
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  clock_.Advance(absl::Seconds(5));
  ASSERT_TRUE(jobs_.EndJobs({id}, JobEnding::kCancel, "not wanted").ok());
  // Before the pool has heard of it.
  EXPECT_EQ(*pool_->ForceStop(), 1);
  ASSERT_TRUE(pool_->WaitUntilStopped(absl::InfiniteDuration()));
  EXPECT_EQ(Account(id),
            (JobAccount{.job = "cancelled, 1 of 25 attempts, last error: not wanted",
                        .history = {"attempt 1 cancelled in 5s: not wanted | asked to stop"},
                        .queue_head = "the next one",
                        .events = {"job/cancelled attempt 1 in 5s: not wanted"},
                        .stats = "claimed 1"}));
}

// Another pool holds the job.
class CancelledElsewhereTest : public CancelledJobTest {
 protected:
  CancelledElsewhereTest() {
    config_.lease_ttl = absl::Seconds(15);
    config_.heartbeat_interval = absl::Seconds(3);
    other_ = RegisterOtherPool("the other one");
    id_ = AddInLine({.task_identifier = "act"});
    claimed_ = ClaimFor(other_, "act").at(0);
    OnRun([](TaskContext&) { return TaskResult::Success(); });
    gate_.Open();
  }
  RecordVerdict ReportByTheOther(AttemptOutcome outcome, const std::string& message) {
    const auto result = store_.Record(other_, {{.claim_id = claimed_.claim_id,
                                                .job_id = id_,
                                                .attempt = 1,
                                                .outcome = outcome,
                                                .error_message = message}});
    EXPECT_TRUE(result.ok()) << result.status();
    return result->verdicts.at(0);
  }

  WorkerNumber other_ = 0;
  JobId id_ = 0;
  ClaimedJob claimed_;
};

TEST_F(CancelledElsewhereTest, OurPoolLeavesItToTheOneThatHoldsIt) {
  StartPool();
  Cancel(id_, EndResult::kRequested);
  ASSERT_NO_FATAL_FAILURE(RunAnother());
  EXPECT_EQ(Account(id_), (JobAccount{.job = "held by the other one, 1 of 25 attempts",
                                      .history = {},
                                      .queue_head = "itself",
                                      .events = {},
                                      .stats = "claimed 1, completed 1"}));
  EXPECT_EQ(store_.ListCancelled(other_)->at(0), (Hold{claimed_.claim_id, id_}));
}

TEST_F(CancelledElsewhereTest, WhatTheOtherReportsEndsIt) {
  StartPool();
  Cancel(id_, EndResult::kRequested);
  EXPECT_EQ(ReportByTheOther(AttemptOutcome::kFailed, "asked to stop"), RecordVerdict::kCancelled);
  EXPECT_EQ(
      Account(id_),
      (JobAccount{
          .job = "cancelled, 1 of 25 attempts, last error: not wanted",
          .history = {"attempt 1 cancelled in 0 by the other one: not wanted | asked to stop"},
          .queue_head = "the next one",
          .events = {},
          .stats = ""}));
}

TEST_F(CancelledElsewhereTest, ACompletionByTheOtherCountsAllTheSame) {
  StartPool();
  Cancel(id_, EndResult::kRequested);
  EXPECT_EQ(ReportByTheOther(AttemptOutcome::kCompleted, ""), RecordVerdict::kAccepted);
  EXPECT_EQ(Account(id_), (JobAccount{.job = "completed, 1 of 25 attempts",
                                      .history = {"attempt 1 completed in 0 by the other one"},
                                      .queue_head = "the next one",
                                      .events = {},
                                      .stats = ""}));
}

TEST_F(CancelledElsewhereTest, ItEndsWhenTheOtherIsLost) {
  Cancel(id_, EndResult::kRequested);
  StartPool();
  ASSERT_TRUE(Eventually([this] {
    clock_.Advance(absl::Seconds(1));
    return !events_.OfType(EventType::kJobRescued).empty();
  }));
  EXPECT_EQ(Account(id_), (JobAccount{.job = "cancelled, 1 of 25 attempts, last error: not wanted",
                                      .history = {"attempt 1 cancelled in 0 by the other one: not "
                                                  "wanted | worker lost, start unknown"},
                                      .queue_head = "the next one",
                                      .events = {"job/rescued attempt 1 in 0: worker lost",
                                                 "job/cancelled attempt 1 in 0: not wanted"},
                                      .stats = ""}));
}

TEST_F(CancelledElsewhereTest, WhatIsFailedForGoodIsExhaustedWhenTheOtherIsLost) {
  Fail(id_, EndResult::kRequested);
  StartPool();
  ASSERT_TRUE(Eventually([this] {
    clock_.Advance(absl::Seconds(1));
    return !events_.OfType(EventType::kJobRescued).empty();
  }));
  EXPECT_EQ(Account(id_), (JobAccount{.job = "exhausted, 1 of 25 attempts, last error: no use",
                                      .history = {"attempt 1 failed in 0 by the other one: no use "
                                                  "| worker lost, start unknown"},
                                      .queue_head = "the next one",
                                      .events = {"job/rescued attempt 1 in 0: worker lost",
                                                 "job/exhausted attempt 1 in 0: no use"},
                                      .stats = "failed 1"}));
}

}  // namespace
}  // namespace millrace
