// What becomes of an attempt that runs past its time limit (contract A9), on real PostgreSQL.

#include "tests/pool/pool_on_postgres.h"

namespace millrace {
namespace {

class TimeLimitTest : public PoolOnPostgres {
 protected:
  TimeLimitTest() { config_.max_job_execution_time = absl::Seconds(90); }

  // Registers the task "late": it waits until it is asked to stop, and then returns this.
  void OnTimeout(const TaskResult& result) {
    tasks_.Add("late", [this, result](TaskContext& context) {
      arrived_.Open();
      context.WaitFor(absl::InfiniteDuration());
      return context.stop_reason() == StopReason::kTimeout ? result : TaskResult::Fail("too early");
    });
  }
  void RunUntilTimeout() {
    StartPool();
    ASSERT_TRUE(arrived_.WaitForOpen());
    clock_.Advance(absl::Seconds(90));
  }
};

TEST_F(TimeLimitTest, AnAttemptThatFailsAfterItsLimitHasTimedOutAndRunsAgain) {
  OnTimeout(TaskResult::Fail("asked to stop", "half of it was done"));
  const JobId id = AddInLine({.task_identifier = "late"});
  RunUntilTimeout();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_EQ(Account(id),
            (JobAccount{
                .job = "scheduled 2s later, 1 of 25 attempts, last error: timed out after 90000 ms",
                .history = {"attempt 1 failed in 1m30s: timed out after 90000 ms | the handler: "
                            "asked to stop\nhalf of it was done"},
                .queue_head = "the next one",
                .events = {"job/timeout attempt 1 in 1m30s",
                           "job/failed attempt 1 in 1m30s: timed out after 90000 ms; runs again"},
                .stats = "claimed 1, failed 1"}));
}

TEST_F(TimeLimitTest, ALastAttemptThatTimesOutExhaustsItsJob) {
  OnTimeout(TaskResult::Fail(""));
  const JobId id = AddInLine({.task_identifier = "late", .max_attempts = 1});
  RunUntilTimeout();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobExhausted));
  EXPECT_EQ(Account(id),
            (JobAccount{.job = "exhausted, 1 of 1 attempts, last error: timed out after 90000 ms",
                        .history = {"attempt 1 failed in 1m30s: timed out after 90000 ms"},
                        .queue_head = "the next one",
                        .events = {"job/timeout attempt 1 in 1m30s",
                                   "job/exhausted attempt 1 in 1m30s: timed out after 90000 ms"},
                        .stats = "claimed 1, failed 1"}));
}

TEST_F(TimeLimitTest, ASuccessThatComesLateIsCompletedAllTheSame) {
  OnTimeout(TaskResult::Success("1"));
  const JobId id = AddInLine({.task_identifier = "late"});
  RunUntilTimeout();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(
      Account(id),
      (JobAccount{.job = "completed, 1 of 25 attempts",
                  .history = {"attempt 1 completed in 1m30s; result 1"},
                  .queue_head = "the next one",
                  .events = {"job/timeout attempt 1 in 1m30s", "job/completed attempt 1 in 1m30s"},
                  .stats = "claimed 1, completed 1"}));
}

TEST_F(TimeLimitTest, APartialSuccessThatComesLateIsKept) {
  OnTimeout(TaskResult::PartiallyDone({{"read"}, {}, "write", "{}"}));
  const JobId id = AddInLine({.task_identifier = "late"});
  RunUntilTimeout();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobPartialSuccess));
  const std::string steps = "; done read; failed ; next write; results {}";
  EXPECT_EQ(
      Account(id),
      (JobAccount{.job = "scheduled 2s later, 1 of 25 attempts",
                  .history = {"attempt 1 partial success in 1m30s" + steps},
                  .queue_head = "the next one",
                  .events = {"job/timeout attempt 1 in 1m30s",
                             "job/partial-success attempt 1 in 1m30s" + steps + "; runs again"},
                  .stats = "claimed 1, completed 1"}));
}

TEST_F(TimeLimitTest, ASnoozeThatComesLateIsAFailure) {
  OnTimeout(TaskResult::Snooze(absl::Hours(1)));
  const JobId id = AddInLine({.task_identifier = "late"});
  RunUntilTimeout();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_EQ(Account(id),
            (JobAccount{
                .job = "scheduled 2s later, 1 of 25 attempts, last error: timed out after 90000 ms",
                .history = {"attempt 1 failed in 1m30s: timed out after 90000 ms"},
                .queue_head = "the next one",
                .events = {"job/timeout attempt 1 in 1m30s",
                           "job/failed attempt 1 in 1m30s: timed out after 90000 ms; runs again"},
                .stats = "claimed 1, failed 1"}));
}

TEST_F(TimeLimitTest, ACancellationThatComesLateIsOne) {
  OnTimeout(TaskResult::Cancel("gone"));
  const JobId id = AddInLine({.task_identifier = "late"});
  RunUntilTimeout();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCancelled));
  EXPECT_EQ(Account(id), (JobAccount{.job = "cancelled, 1 of 25 attempts, last error: gone",
                                     .history = {"attempt 1 cancelled in 1m30s: gone"},
                                     .queue_head = "the next one",
                                     .events = {"job/timeout attempt 1 in 1m30s",
                                                "job/cancelled attempt 1 in 1m30s: gone"},
                                     .stats = "claimed 1"}));
}

}  // namespace
}  // namespace millrace
