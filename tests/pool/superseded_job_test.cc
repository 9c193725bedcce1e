// What becomes of a job that is held while another one takes its key (contract A9, C3), on real
// PostgreSQL: however its attempt ends, but for a completion, it is cancelled.

#include "tests/pool/pool_on_postgres.h"

namespace millrace {
namespace {

class SupersededJobTest : public PoolOnPostgres {
 protected:
  JobId AddWithKey(const std::string& task, int max_attempts = 25) {
    return AddInLine({.task_identifier = task, .max_attempts = max_attempts, .job_key = "key"});
  }
  // No pool here runs the one that takes the key.
  void TakeKey() { Add({.task_identifier = "elsewhere", .job_key = "key"}); }

  void RunWhileTheKeyIsTaken() {
    StartPool();
    ASSERT_TRUE(gate_.WaitForArrivals(1));
    TakeKey();
    clock_.Advance(absl::Seconds(5));
    gate_.Open();
  }

  // `left` is what the handler has left behind, as history tells it.
  static JobAccount Cancelled(int max_attempts, const std::string& left) {
    return {
        .job = absl::StrCat("cancelled, 1 of ", max_attempts, " attempts, last error: superseded"),
        .history = {"attempt 1 cancelled in 5s: superseded" + left},
        .queue_head = "the next one",
        .events = {"job/cancelled attempt 1 in 5s: superseded"},
        .stats = "claimed 1"};
  }
};

TEST_F(SupersededJobTest, AFailureIsNotRetried) {
  OnRun([](TaskContext&) { return TaskResult::Fail("no luck"); });
  const JobId id = AddWithKey("act");
  RunWhileTheKeyIsTaken();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCancelled));
  EXPECT_EQ(Account(id), Cancelled(25, " | no luck"));
}

TEST_F(SupersededJobTest, AFailedLastAttemptCancelsItsJobAndDoesNotExhaustIt) {
  OnRun([](TaskContext&) { return TaskResult::Fail("no luck"); });
  const JobId id = AddWithKey("act", /*max_attempts=*/1);
  RunWhileTheKeyIsTaken();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCancelled));
  EXPECT_EQ(Account(id), Cancelled(1, " | no luck"));
}

TEST_F(SupersededJobTest, APartialSuccessIsNotRetried) {
  OnRun([](TaskContext&) { return TaskResult::PartiallyDone({{"read"}, {}, "write", "{}"}); });
  const JobId id = AddWithKey("act");
  RunWhileTheKeyIsTaken();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCancelled));
  EXPECT_EQ(Account(id), Cancelled(25, "; done read; failed ; next write; results {}"));
}

TEST_F(SupersededJobTest, ASnoozedJobDoesNotRunAgain) {
  OnRun([](TaskContext&) { return TaskResult::Snooze(absl::Minutes(7)); });
  const JobId id = AddWithKey("act");
  RunWhileTheKeyIsTaken();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCancelled));
  EXPECT_EQ(Account(id), Cancelled(25, ""));
}

TEST_F(SupersededJobTest, AnInterruptedJobDoesNotRunAgain) {
  const JobId id = AddWithKey("obedient");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  TakeKey();
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(*pool_->ForceStop(), 1);
  ASSERT_TRUE(pool_->WaitUntilStopped(absl::InfiniteDuration()));
  EXPECT_EQ(Account(id), Cancelled(25, " | asked to stop"));
}

TEST_F(SupersededJobTest, AJobThatIsLostDoesNotRunAgain) {
  config_.lease_ttl = absl::Seconds(15);
  config_.heartbeat_interval = absl::Seconds(3);
  const WorkerNumber lost = RegisterOtherPool("the lost one");
  const JobId id = AddWithKey("act");
  ASSERT_EQ(ClaimFor(lost, "act").size(), 1u);
  TakeKey();
  StartPool();
  ASSERT_TRUE(Eventually([this] {
    clock_.Advance(absl::Seconds(1));
    return !events_.OfType(EventType::kJobRescued).empty();
  }));
  EXPECT_EQ(Account(id), (JobAccount{.job = "cancelled, 1 of 25 attempts, last error: superseded",
                                     .history = {"attempt 1 cancelled in 0 by the lost one: "
                                                 "superseded | worker lost, start unknown"},
                                     .queue_head = "the next one",
                                     .events = {"job/rescued attempt 1 in 0: worker lost",
                                                "job/cancelled attempt 1 in 0: superseded"},
                                     .stats = ""}));
}

// Its start is not on record yet when the pool is told to stop by force, so it is given back.
TEST_F(SupersededJobTest, AJobThatIsGivenBackDoesNotRunAgain) {
  const JobId id = AddWithKey("ok", /*max_attempts=*/1);
  // Whoever wants to record something waits, and the start of a last attempt too.
  const absl::Status ran = schema_.database().Run("hold up", [&](PostgresConnection& connection) {
    pqxx::work transaction(connection.raw());
    transaction.exec("lock table " + schema_.name() + ".attempt_outcome in access exclusive mode");
    StartPool();
    ASSERT_TRUE(Eventually([this] { return pool_->Stats().claimed == 1; }));
    TakeKey();
    ASSERT_TRUE(pool_->ForceStop().ok());
    transaction.commit();
  });
  ASSERT_TRUE(ran.ok()) << ran;
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCancelled));
  ASSERT_TRUE(pool_->WaitUntilStopped(absl::InfiniteDuration()));
  EXPECT_EQ(Account(id), (JobAccount{.job = "cancelled, 0 of 1 attempts, last error: superseded",
                                     .history = {"attempt 0 cancelled in 0: superseded"},
                                     .queue_head = "the next one",
                                     .events = {"job/cancelled attempt 0 in 0: superseded"},
                                     .stats = "claimed 1"}));
}

TEST_F(SupersededJobTest, ACompletionCountsAllTheSame) {
  OnRun([](TaskContext&) { return TaskResult::Success(); });
  const JobId id = AddWithKey("act");
  RunWhileTheKeyIsTaken();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(Account(id), (JobAccount{.job = "completed, 1 of 25 attempts",
                                     .history = {"attempt 1 completed in 5s"},
                                     .queue_head = "the next one",
                                     .events = {"job/completed attempt 1 in 5s"},
                                     .stats = "claimed 1, completed 1"}));
}

}  // namespace
}  // namespace millrace
