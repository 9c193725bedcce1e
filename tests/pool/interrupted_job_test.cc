// What becomes of a job whose handler is asked to stop because its pool stops (contract A6, A9), on
// real PostgreSQL.

#include "tests/pool/pool_on_postgres.h"

namespace millrace {
namespace {

class InterruptedJobTest : public PoolOnPostgres {
 protected:
  // Registers the task "asked": it waits until it is asked to stop, and then returns this.
  void OnStop(const TaskResult& result) {
    // Open: it only counts who comes.
    gate_.Open();
    tasks_.Add("asked", [this, result](TaskContext& context) {
      gate_.Pass();
      context.WaitFor(absl::InfiniteDuration());
      return result;
    });
  }
  // Starts the pool, and stops it by force once the handler has run for five seconds.
  void RunUntilForceStop() {
    const int runs = gate_.arrived();
    StartPool();
    ASSERT_TRUE(gate_.WaitForArrivals(runs + 1));
    clock_.Advance(absl::Seconds(5));
    EXPECT_EQ(*pool_->ForceStop(), 1);
    ASSERT_TRUE(pool_->WaitUntilStopped(absl::InfiniteDuration()));
  }
};

TEST_F(InterruptedJobTest, AnInterruptedAttemptIsNotCountedAndItsJobIsAvailableAtOnce) {
  OnStop(TaskResult::Fail("asked to stop"));
  const JobId id = AddInLine({.task_identifier = "asked"});
  const absl::Time run_at = Look(id).job.run_at;
  RunUntilForceStop();
  EXPECT_EQ(Account(id), (JobAccount{.job = "ready, 0 of 25 attempts, last error: asked to stop",
                                     .history = {"attempt 1 interrupted in 5s: asked to stop"},
                                     .queue_head = "itself",
                                     .events = {"job/interrupted attempt 1 in 5s: asked to stop"},
                                     .stats = "claimed 1, interrupted 1"}));
  EXPECT_EQ(Look(id).job.run_at, run_at);
}

TEST_F(InterruptedJobTest, AnInterruptedLastAttemptIsNotCountedEitherAndKeepsWhatWasDone) {
  OnStop(TaskResult::PartiallyDone({{"read"}, {}, "write", "{}"}));
  const JobId id = AddInLine({.task_identifier = "asked", .max_attempts = 1});
  RunUntilForceStop();
  EXPECT_EQ(Account(id),
            (JobAccount{.job = "ready, 0 of 1 attempts",
                        .history = {"attempt 1 interrupted in 5s; done read; failed ; next "
                                    "write; results {}"},
                        .queue_head = "itself",
                        .events = {"job/interrupted attempt 1 in 5s; done read; failed "
                                   "; next write; results {}"},
                        .stats = "claimed 1, interrupted 1"}));
}

TEST_F(InterruptedJobTest, AHandlerThatCompletesThoughItWasAskedToStopIsCompleted) {
  OnStop(TaskResult::Success());
  const JobId id = AddInLine({.task_identifier = "asked"});
  RunUntilForceStop();
  EXPECT_EQ(Account(id), (JobAccount{.job = "completed, 1 of 25 attempts",
                                     .history = {"attempt 1 completed in 5s"},
                                     .queue_head = "the next one",
                                     .events = {"job/completed attempt 1 in 5s"},
                                     .stats = "claimed 1, completed 1"}));
}

TEST_F(InterruptedJobTest, InterruptionsAreRememberedAndBeyondTheMaximumTheyAreFailures) {
  config_.max_interruptions = 1;
  OnStop(TaskResult::Fail("asked to stop"));
  const JobId id = AddInLine({.task_identifier = "asked"});
  RunUntilForceStop();
  RunUntilForceStop();
  EXPECT_EQ(
      Account(id),
      (JobAccount{
          .job = "scheduled 2s later, 1 of 25 attempts, last error: interrupted more than 1 times",
          .history = {"attempt 1 interrupted in 5s: asked to stop",
                      "attempt 1 failed in 5s: interrupted more than 1 times | asked to stop"},
          .queue_head = "the next one",
          .events = {"job/interrupted attempt 1 in 5s: asked to stop",
                     "job/failed attempt 1 in 5s: interrupted more than 1 times; runs again"},
          .stats = "claimed 2, failed 1, interrupted 1"}));
}

}  // namespace
}  // namespace millrace
