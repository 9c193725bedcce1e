// What becomes of a job whose handler has ended by itself (contract A9), on real PostgreSQL: the
// job, its history, its serial queue, its events and the pool's counters together.

#include <stdexcept>

#include "tests/pool/pool_on_postgres.h"

namespace millrace {
namespace {

class HandlerOutcomeTest : public PoolOnPostgres {};

TaskResult OneStepDone(TaskContext&) {
  return TaskResult::PartiallyDone({{"read"}, {"write"}, "write", R"({"rows": 3})"});
}

TEST_F(HandlerOutcomeTest, AJobWhoseHandlerReturnsAResultIsCompletedAndTheResultKept) {
  OnRun([](TaskContext&) { return TaskResult::Success(R"({"rows": 3})"); });
  const JobId id = AddInLine({.task_identifier = "act"});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(Account(id),
            (JobAccount{.job = "completed, 1 of 25 attempts",
                        .history = {R"(attempt 1 completed in 5s; result {"rows": 3})"},
                        .queue_head = "the next one",
                        .events = {"job/completed attempt 1 in 5s"},
                        .stats = "claimed 1, completed 1"}));
}

TEST_F(HandlerOutcomeTest, AJobWithoutQueueOrKeyTakesTheShortWayToTheSameEnd) {
  OnRun([](TaskContext&) { return TaskResult::Success(); });
  const JobId id = Add({.task_identifier = "act"});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(Account(id), (JobAccount{.job = "completed, 1 of 25 attempts",
                                     .history = {"attempt 1 completed in 5s"},
                                     .queue_head = "",
                                     .events = {"job/completed attempt 1 in 5s"},
                                     .stats = "claimed 1, completed 1"}));
}

TEST_F(HandlerOutcomeTest, APartialSuccessRunsAgainAfterTheBackoff) {
  OnRun(OneStepDone);
  const JobId id = AddInLine({.task_identifier = "act"});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobPartialSuccess));
  const std::string steps = R"(; done read; failed write; next write; results {"rows": 3})";
  EXPECT_EQ(Account(id),
            (JobAccount{.job = "scheduled 2s later, 1 of 25 attempts",
                        .history = {"attempt 1 partial success in 5s" + steps},
                        .queue_head = "the next one",
                        .events = {"job/partial-success attempt 1 in 5s" + steps + "; runs again"},
                        .stats = "claimed 1, completed 1"}));
}

TEST_F(HandlerOutcomeTest, TheLastPartialResultIsReadWhateverCameBetween) {
  OnRun([](TaskContext& context) {
    switch (context.job().attempt) {
      case 1:
        return OneStepDone(context);
      case 2:
        return TaskResult::Fail("no luck");
      default:
        return TaskResult::Success(
            absl::StrCat("\"from ", context.last_partial_success()->retry_from_step, "\""));
    }
  });
  const JobId id = AddInLine({.task_identifier = "act"});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobPartialSuccess));
  RunAgain(id);
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  RunAgain(id);
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  const std::string steps = R"(; done read; failed write; next write; results {"rows": 3})";
  EXPECT_EQ(Account(id),
            (JobAccount{.job = "completed, 3 of 25 attempts, last error: no luck",
                        .history = {"attempt 1 partial success in 5s" + steps,
                                    "attempt 2 failed in 0: no luck",
                                    R"(attempt 3 completed in 0; result "from write")"},
                        .queue_head = "the next one",
                        .events = {"job/partial-success attempt 1 in 5s" + steps + "; runs again",
                                   "job/failed attempt 2 in 0: no luck; runs again",
                                   "job/completed attempt 3 in 0"},
                        .stats = "claimed 3, completed 2, failed 1"}));
}

TEST_F(HandlerOutcomeTest, APartialResultIsHandedOnWithEveryDigitOfItsNumbers) {
  const std::string results = R"({"n": 12345678901234567890123.456, "huge": 1e400})";
  OnRun([results](TaskContext& context) {
    if (!context.last_partial_success().has_value())
      return TaskResult::PartiallyDone({{}, {"write"}, "write", results});
    return TaskResult::Success(context.last_partial_success()->results);
  });
  const JobId id = AddInLine({.task_identifier = "act"});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobPartialSuccess));
  RunAgain(id);
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  const std::string kept =
      R"({"n": 12345678901234567890123.456, "huge": 1)" + std::string(400, '0') + "}";
  const std::vector<Attempt> attempts = *jobs_.ListAttempts(id, 10);
  ASSERT_EQ(attempts.size(), 2u);
  EXPECT_EQ(attempts[0].result, kept);
  EXPECT_EQ(attempts[1].partial_success->results, kept);
}

TEST_F(HandlerOutcomeTest, APartialSuccessOnTheLastAttemptExhaustsItsJob) {
  OnRun(OneStepDone);
  const JobId id = AddInLine({.task_identifier = "act", .max_attempts = 1});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobExhausted));
  const std::string steps = R"(; done read; failed write; next write; results {"rows": 3})";
  EXPECT_EQ(Account(id), (JobAccount{.job = "exhausted, 1 of 1 attempts",
                                     .history = {"attempt 1 partial success in 5s" + steps},
                                     .queue_head = "the next one",
                                     .events = {"job/partial-success attempt 1 in 5s" + steps,
                                                "job/exhausted attempt 1 in 5s" + steps},
                                     .stats = "claimed 1, completed 1"}));
}

TEST_F(HandlerOutcomeTest, AFailureRunsAgainAfterTheBackoff) {
  OnRun([](TaskContext&) { return TaskResult::Fail("no luck", "the detail"); });
  const JobId id = AddInLine({.task_identifier = "act"});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_EQ(Account(id),
            (JobAccount{.job = "scheduled 2s later, 1 of 25 attempts, last error: no luck",
                        .history = {"attempt 1 failed in 5s: no luck | the detail"},
                        .queue_head = "the next one",
                        .events = {"job/failed attempt 1 in 5s: no luck; runs again"},
                        .stats = "claimed 1, failed 1"}));
}

TEST_F(HandlerOutcomeTest, AnExceptionIsAFailureWithItsType) {
  OnRun([](TaskContext&) -> TaskResult { throw std::out_of_range("beyond the end"); });
  const JobId id = AddInLine({.task_identifier = "act"});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_EQ(
      Account(id),
      (JobAccount{.job = "scheduled 2s later, 1 of 25 attempts, last error: beyond the end",
                  .history = {"attempt 1 failed in 5s: beyond the end | thrown: std::out_of_range"},
                  .queue_head = "the next one",
                  .events = {"job/failed attempt 1 in 5s: beyond the end; runs again"},
                  .stats = "claimed 1, failed 1"}));
}

TEST_F(HandlerOutcomeTest, AFailureThatBringsItsOwnDelayRunsAgainWhenThatHasPassed) {
  OnRun([](TaskContext&) { return TaskResult::Retry("busy", absl::Minutes(3)); });
  const JobId id = AddInLine({.task_identifier = "act"});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_EQ(Account(id),
            (JobAccount{.job = "scheduled 3m later, 1 of 25 attempts, last error: busy",
                        .history = {"attempt 1 failed in 5s: busy"},
                        .queue_head = "the next one",
                        .events = {"job/failed attempt 1 in 5s: busy; runs again"},
                        .stats = "claimed 1, failed 1"}));
}

TEST_F(HandlerOutcomeTest, AFailureOnTheLastAttemptExhaustsItsJobAndSaysNothingOfAFailure) {
  OnRun([](TaskContext&) { return TaskResult::Fail("no luck", "the detail"); });
  const JobId id = AddInLine({.task_identifier = "act", .max_attempts = 1});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobExhausted));
  EXPECT_EQ(Account(id), (JobAccount{.job = "exhausted, 1 of 1 attempts, last error: no luck",
                                     .history = {"attempt 1 failed in 5s: no luck | the detail"},
                                     .queue_head = "the next one",
                                     .events = {"job/exhausted attempt 1 in 5s: no luck"},
                                     .stats = "claimed 1, failed 1"}));
}

TEST_F(HandlerOutcomeTest, TheTimeOfARetryIsToldToTheMicrosecondAlsoWithJitter) {
  config_.retry.jitter = 1;
  OnRun([](TaskContext&) { return TaskResult::Fail("no luck"); });
  const JobId id = AddInLine({.task_identifier = "act"});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_EQ(JobEvents(EventType::kJobFailed)[0].next_run_at, Look(id).job.run_at);
}

TEST_F(HandlerOutcomeTest, OfALongErrorHistoryAndFeedKeepTheSame) {
  OnRun([](TaskContext&) { return TaskResult::Fail(std::string(10'000, 'x')); });
  const JobId id = AddInLine({.task_identifier = "act"});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  const std::string kept(8192, 'x');
  EXPECT_EQ(Account(id),
            (JobAccount{.job = "scheduled 2s later, 1 of 25 attempts, last error: " + kept,
                        .history = {"attempt 1 failed in 5s: " + kept},
                        .queue_head = "the next one",
                        .events = {"job/failed attempt 1 in 5s: " + kept + "; runs again"},
                        .stats = "claimed 1, failed 1"}));
}

TEST_F(HandlerOutcomeTest, ASnoozedAttemptIsNotCountedNotEvenTheLast) {
  OnRun([](TaskContext&) { return TaskResult::Snooze(absl::Minutes(7)); });
  const JobId id = AddInLine({.task_identifier = "act", .max_attempts = 1});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobSnoozed));
  EXPECT_EQ(Account(id), (JobAccount{.job = "scheduled 7m later, 0 of 1 attempts",
                                     .history = {"attempt 1 snoozed in 5s"},
                                     .queue_head = "the next one",
                                     .events = {"job/snoozed attempt 1 in 5s; runs again"},
                                     .stats = "claimed 1"}));
}

TEST_F(HandlerOutcomeTest, AHandlerMayCancelItsJob) {
  OnRun([](TaskContext&) { return TaskResult::Cancel("gone", "answer 410"); });
  const JobId id = AddInLine({.task_identifier = "act"});
  RunForFiveSeconds();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCancelled));
  EXPECT_EQ(Account(id), (JobAccount{.job = "cancelled, 1 of 25 attempts, last error: gone",
                                     .history = {"attempt 1 cancelled in 5s: gone | answer 410"},
                                     .queue_head = "the next one",
                                     .events = {"job/cancelled attempt 1 in 5s: gone"},
                                     .stats = "claimed 1"}));
}

TEST_F(HandlerOutcomeTest, AJobThatNoHandlerIsRegisteredForIsExhaustedAtOnceWhereItIsClaimed) {
  config_.claim_unknown_tasks = true;
  const JobId id = Add({.task_identifier = "nobody knows me", .queue_name = "line"});
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobExhausted));
  EXPECT_EQ(Account(id),
            (JobAccount{.job = "exhausted, 1 of 25 attempts, last error: no handler registered",
                        .history = {"attempt 1 failed in 0: no handler registered"},
                        .queue_head = "nobody",
                        .events = {"job/exhausted attempt 1 in 0: no handler registered"},
                        .stats = "claimed 1, failed 1"}));
}

TEST_F(HandlerOutcomeTest, AJobThatNoHandlerIsRegisteredForIsLeftAloneByDefault) {
  const JobId unknown = Add({.task_identifier = "nobody knows me"});
  const JobId known = Add({.task_identifier = "ok", .priority = 1});
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(Look(known).state, JobState::kCompleted);
  EXPECT_EQ(Account(unknown), (JobAccount{.job = "ready, 0 of 25 attempts",
                                          .history = {},
                                          .queue_head = "",
                                          .events = {},
                                          .stats = "claimed 1, completed 1"}));
}

}  // namespace
}  // namespace millrace
