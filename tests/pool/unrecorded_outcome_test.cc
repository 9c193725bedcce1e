// What becomes of an outcome that the database does not take at first, or at all (contract A9, E3),
// on real PostgreSQL.

#include "tests/pool/pool_on_postgres.h"
#include "tests/support/database_access.h"

namespace millrace {
namespace {

// The pool's way to the database can be cut off; the test has its own.
class UnrecordedOutcomeTest : public PoolOnPostgres {
 public:
  ~UnrecordedOutcomeTest() override {
    access_.Allow();
    gate_.Open();
    pool_.reset();
  }

 protected:
  PoolStore& pool_store() override { return pools_store_; }

  // Returns when the pool has tried in vain to record what its handler did.
  void RunWhileTheDatabaseIsAway() {
    StartPool();
    ASSERT_TRUE(gate_.WaitForArrivals(1));
    access_.Refuse();
    clock_.Advance(absl::Seconds(5));
    gate_.Open();
    ASSERT_TRUE(Eventually([this] { return CountErrorsOf("record outcomes") > 0; }));
  }
  void BringTheDatabaseBack(EventType until) {
    access_.Allow();
    // The pauses between the tries are the pool's.
    ASSERT_TRUE(Eventually([this, until] {
      clock_.Advance(absl::Seconds(1));
      return !events_.OfType(until).empty();
    }));
  }

  int64_t CountErrorsOf(const std::string& operation) {
    int64_t count = 0;
    for (const Event& event : events_.OfType(EventType::kWorkerError)) {
      const auto& error = std::get<WorkerErrorData>(event.data);
      EXPECT_FALSE(error.error.empty());
      if (error.operation == operation) ++count;
    }
    return count;
  }

  DatabaseAccess access_{schema_};
  std::unique_ptr<PostgresDatabase> pools_database_ = *PostgresDatabase::Create(
      {.database_url = access_.url(), .schema = schema_.name(), .call_limit = absl::Minutes(5)},
      metrics_, real_clock_);
  PostgresPoolStore pools_store_{*pools_database_};
};

TEST_F(UnrecordedOutcomeTest, AnOutcomeIsRecordedWhenTheDatabaseIsBack) {
  OnRun([](TaskContext&) { return TaskResult::Success("1"); });
  const JobId id = AddInLine({.task_identifier = "act"});
  RunWhileTheDatabaseIsAway();
  EXPECT_EQ(Look(id).state, JobState::kHeld);
  EXPECT_EQ(Look(id).worker_id, "worker-id");
  EXPECT_TRUE(jobs_.ListAttempts(id, 1)->empty());
  EXPECT_TRUE(events_.OfType(EventType::kJobCompleted).empty());
  EXPECT_EQ(pool_->Stats().completed, 0);
  BringTheDatabaseBack(EventType::kJobCompleted);
  EXPECT_EQ(Account(id), (JobAccount{.job = "completed, 1 of 25 attempts",
                                     .history = {"attempt 1 completed in 5s; result 1"},
                                     .queue_head = "the next one",
                                     .events = {"job/completed attempt 1 in 5s"},
                                     .stats = "claimed 1, completed 1, errors"}));
}

TEST_F(UnrecordedOutcomeTest, TheClaimDecidesAboutAnOutcomeThatWaitedForTheDatabase) {
  OnRun([](TaskContext&) { return TaskResult::Success("1"); });
  const JobId id = AddInLine({.task_identifier = "act"});
  RunWhileTheDatabaseIsAway();
  // Another pool, which can reach it.
  ASSERT_TRUE(store_.Rescue(OwnWorker()).ok());
  ASSERT_EQ(ClaimFor(RegisterOtherPool("the next one"), "act").size(), 1u);
  BringTheDatabaseBack(EventType::kJobStaleOutcome);
  EXPECT_EQ(
      Account(id),
      (JobAccount{.job = "held by the next one, 2 of 25 attempts, last error: worker lost, start "
                         "unknown",
                  .history = {"attempt 1 lost in 0: worker lost, start unknown"},
                  .queue_head = "itself",
                  .events = {"job/stale-outcome attempt 1 in 5s: not accepted: the claim no longer "
                             "holds the job"},
                  .stats = "claimed 1, errors"}));
}

TEST_F(UnrecordedOutcomeTest, AnOutcomeThatTheDatabaseRefusesBecomesAFailureThatSaysSo) {
  OnRun([](TaskContext&) { return TaskResult::Success("1"); });
  const JobId id = AddInLine({.task_identifier = "act"});
  schema_.Query(
      "alter table {schema}.attempt_detail add constraint no_result check (result is null)");
  RunForFiveSeconds();
  ASSERT_TRUE(Eventually([this] { return CountErrorsOf("record outcomes") > 0; }));
  BringTheDatabaseBack(EventType::kJobFailed);
  const Attempt attempt = jobs_.ListAttempts(id, 1)->at(0);
  EXPECT_THAT(attempt.error_message,
              testing::AllOf(testing::StartsWith("the database refused the outcome"),
                             testing::HasSubstr("no_result")));
  const std::string error = ": " + attempt.error_message;
  EXPECT_EQ(Account(id),
            (JobAccount{.job = "scheduled 1m later, 1 of 25 attempts, last error" + error,
                        .history = {"attempt 1 failed in 5s" + error},
                        .queue_head = "the next one",
                        .events = {"job/failed attempt 1 in 5s" + error + "; runs again"},
                        .stats = "claimed 1, failed 1, errors"}));
}

}  // namespace
}  // namespace millrace
