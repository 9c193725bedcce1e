// What becomes of a claim whose answer its pool did not get.

#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/postgres/postgres_job_store.h"
#include "server/store/postgres/postgres_pool_store.h"
#include "server/store/postgres/postgres_text.h"
#include "tests/support/eventually.h"
#include "tests/support/test_schema.h"

namespace millrace {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class LostClaimTest : public testing::Test {
 protected:
  LostClaimTest() : jobs_(schema_.database(), schema_.metrics()), store_(schema_.database()) {
    worker_ = *store_.RegisterWorker({.worker_id = "worker-1",
                                      .pool_name = "pool",
                                      .host = "host",
                                      .pid = 1,
                                      .version = "1",
                                      .lease_ttl = absl::Seconds(15)});
  }
  JobId Add(JobSpec spec) { return jobs_.AddJobs({std::move(spec)})->at(0).id; }
  absl::StatusOr<std::vector<ClaimedJob>> Claim(int64_t number) {
    EXPECT_TRUE(store_.PromoteDue().ok());
    return ClaimReady(number);
  }
  absl::StatusOr<std::vector<ClaimedJob>> ClaimReady(int64_t number) {
    return store_.Claim({.worker = worker_,
                         .number = number,
                         .max_jobs = 10,
                         .task_identifiers = {},
                         .forbidden_flags = {}});
  }
  // As a pool does whose connection is lost before it commits or answers.
  static void ClaimIn(pqxx::transaction_base& transaction, PostgresConnection& connection,
                      WorkerNumber worker, int64_t number) {
    EXPECT_THAT(connection.ExecuteWithRows(16, transaction, "ClaimJobs", 10, worker, TextArray({}),
                                           TextArray({}), true, 10, number),
                SizeIs(1));
  }
  bool TakeBack(int64_t number) {
    const absl::StatusOr<bool> done = store_.TakeBackClaim(worker_, number);
    EXPECT_TRUE(done.ok()) << done.status();
    return done.value_or(false);
  }
  // Whether there was one that waits for a lock.
  bool TerminateReaderOfMemories() {
    return schema_.Query(
               "select count(pg_terminate_backend(pid)) > 0 from pg_stat_activity where query like "
               "'%from {schema}.job_memory where%' and wait_event_type = 'Lock'") == "t";
  }
  // Whether a statement waits for a lock of this connection.
  bool IsWaitedFor(PostgresConnection& connection) {
    return schema_.Query(absl::StrCat("select count(*) from pg_stat_activity where ",
                                      connection.raw().backendpid(),
                                      " = any (pg_blocking_pids(pid))")) == "1";
  }
  void ExpectReadyAsIfNeverClaimed(JobId id, int attempts = 0) {
    const JobDetails details = *jobs_.GetJob(id);
    EXPECT_EQ(details.state, JobState::kReady);
    EXPECT_EQ(details.job.attempt, attempts);
    EXPECT_THAT(*jobs_.ListAttempts(id, 10), SizeIs(attempts));
  }

  TestSchema schema_;
  PostgresJobStore jobs_;
  PostgresPoolStore store_;
  WorkerNumber worker_ = 0;
};

TEST_F(LostClaimTest, JobsOfAClaimThatIsTakenBackAreReadyAsIfNeverClaimed) {
  const JobId id = Add({.task_identifier = "t"});
  const JobId head = Add({.task_identifier = "t", .queue_name = "q"});
  Add({.task_identifier = "t", .queue_name = "q"});
  ASSERT_THAT(*Claim(7), SizeIs(2));
  EXPECT_TRUE(TakeBack(7));
  ExpectReadyAsIfNeverClaimed(id);
  ExpectReadyAsIfNeverClaimed(head);
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.claim where open_jobs > 0"), "0");
  EXPECT_THAT(*Claim(8), SizeIs(2));
}

TEST_F(LostClaimTest, OtherClaimsOfTheWorkerAreLeftAlone) {
  const JobId id = Add({.task_identifier = "t"});
  ASSERT_THAT(*Claim(7), SizeIs(1));
  EXPECT_TRUE(TakeBack(8));
  EXPECT_EQ(jobs_.GetJob(id)->state, JobState::kHeld);
}

TEST_F(LostClaimTest, AClaimThatIsTakenBackBeforeItWasMadeIsNeverMade) {
  const JobId id = Add({.task_identifier = "t"});
  EXPECT_TRUE(TakeBack(7));
  EXPECT_EQ(Claim(7).status().code(), absl::StatusCode::kAlreadyExists);
  ExpectReadyAsIfNeverClaimed(id);
  EXPECT_THAT(*Claim(8), SizeIs(1));
}

TEST_F(LostClaimTest, AClaimThatIsStillOnItsWayIsTakenBackOnceItHasCommitted) {
  const JobId id = Add({.task_identifier = "t"});
  ASSERT_TRUE(schema_.database()
                  .Run("lost",
                       [&](PostgresConnection& connection) {
                         pqxx::work transaction(connection.raw());
                         ClaimIn(transaction, connection, worker_, 7);
                         EXPECT_FALSE(TakeBack(7));
                         // The lease is renewed and others are claimed all the while.
                         EXPECT_TRUE(store_.Heartbeat(worker_).ok());
                         EXPECT_THAT(*Claim(8), IsEmpty());
                         transaction.commit();
                       })
                  .ok());
  EXPECT_EQ(jobs_.GetJob(id)->state, JobState::kHeld);
  EXPECT_TRUE(TakeBack(7));
  ExpectReadyAsIfNeverClaimed(id);
}

TEST_F(LostClaimTest, AClaimThatIsRolledBackAfterAllLeavesNothingToTakeBack) {
  const JobId id = Add({.task_identifier = "t"});
  ASSERT_TRUE(schema_.database()
                  .Run("lost",
                       [&](PostgresConnection& connection) {
                         pqxx::work transaction(connection.raw());
                         ClaimIn(transaction, connection, worker_, 7);
                         EXPECT_FALSE(TakeBack(7));
                         transaction.abort();
                       })
                  .ok());
  EXPECT_TRUE(TakeBack(7));
  ExpectReadyAsIfNeverClaimed(id);
}

TEST_F(LostClaimTest, AJobWhoseKeyIsBeingTakenIsLeftForALaterCall) {
  Add({.task_identifier = "t", .job_key = "k"});
  const JobId other = Add({.task_identifier = "t"});
  ASSERT_THAT(*Claim(7), SizeIs(2));
  ASSERT_TRUE(schema_.database()
                  .Run("application",
                       [&](PostgresConnection& connection) {
                         pqxx::work transaction(connection.raw());
                         transaction.exec("select " + schema_.name() +
                                          ".add_job('t', job_key := 'k')");
                         EXPECT_FALSE(TakeBack(7));
                         ExpectReadyAsIfNeverClaimed(other);
                         transaction.commit();
                       })
                  .ok());
  EXPECT_TRUE(TakeBack(7));
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.claim where open_jobs > 0"), "0");
}

TEST_F(LostClaimTest, NothingOfItIsLeftWhenTheLeaseHasEnded) {
  const JobId id = Add({.task_identifier = "t"});
  EXPECT_TRUE(TakeBack(6));
  ASSERT_THAT(*Claim(7), SizeIs(1));
  ASSERT_TRUE(store_.Rescue(worker_).ok());
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.claim"), "0");
  EXPECT_TRUE(TakeBack(7));
  EXPECT_EQ(jobs_.GetJob(id)->state, JobState::kReady);
  EXPECT_THAT(*store_.ListLeases(), SizeIs(1));
  ASSERT_TRUE(store_.Rescue(worker_).ok());
  EXPECT_THAT(*store_.ListLeases(), IsEmpty());
}

// The pool was given up while its claim was on its way.
TEST_F(LostClaimTest, ARescueWaitsForAClaimThatIsOnItsWayAndFreesItsJobs) {
  const JobId id = Add({.task_identifier = "t"});
  absl::StatusOr<std::vector<RescuedJob>> rescued;
  ASSERT_TRUE(schema_.database()
                  .Run("late",
                       [&](PostgresConnection& connection) {
                         pqxx::work transaction(connection.raw());
                         ClaimIn(transaction, connection, worker_, 7);
                         std::thread rescuer([&] { rescued = store_.Rescue(worker_); });
                         EXPECT_TRUE(Eventually([&] { return IsWaitedFor(connection); }));
                         transaction.commit();
                         rescuer.join();
                       })
                  .ok());
  ASSERT_TRUE(rescued.ok()) << rescued.status();
  ASSERT_THAT(*rescued, SizeIs(1));
  EXPECT_EQ(rescued->at(0).job.id, id);
  EXPECT_EQ(jobs_.GetJob(id)->state, JobState::kReady);
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.claim"), "0");
}

TEST_F(LostClaimTest, AClaimThatWaitsForARescueFindsTheLeaseEnded) {
  const JobId id = Add({.task_identifier = "t"});
  absl::StatusOr<std::vector<ClaimedJob>> claimed;
  ASSERT_TRUE(schema_.database()
                  .Run("rescuer",
                       [&](PostgresConnection& connection) {
                         pqxx::work transaction(connection.raw());
                         connection.Execute(transaction, "Rescue", worker_);
                         std::thread claimer([&] { claimed = ClaimReady(7); });
                         EXPECT_TRUE(Eventually([&] { return IsWaitedFor(connection); }));
                         transaction.commit();
                         claimer.join();
                       })
                  .ok());
  ASSERT_TRUE(claimed.ok()) << claimed.status();
  EXPECT_THAT(*claimed, IsEmpty());
  ExpectReadyAsIfNeverClaimed(id);
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.claim"), "0");
}

TEST_F(LostClaimTest, AClaimWhoseBackendIsTerminatedBeforeItsAnswerIsTakenBack) {
  const JobId id = Add({.task_identifier = "t"});
  const ClaimedJob first = Claim(6)->at(0);
  ASSERT_TRUE(store_
                  .Record(worker_, {{.claim_id = first.claim_id,
                                     .job_id = id,
                                     .attempt = 1,
                                     .outcome = AttemptOutcome::kFailed}})
                  .ok());
  absl::Status claimed;
  ASSERT_TRUE(schema_.database()
                  .Run("operator",
                       [&](PostgresConnection& connection) {
                         pqxx::work transaction(connection.raw());
                         ASSERT_TRUE(store_.PromoteDue().ok());
                         transaction.exec("lock table " + schema_.name() + ".job_memory");
                         std::thread claimer([&] { claimed = ClaimReady(8).status(); });
                         // It has committed, and waits for what is remembered of the job.
                         EXPECT_TRUE(Eventually([&] { return TerminateReaderOfMemories(); }));
                         claimer.join();
                         transaction.commit();
                       })
                  .ok());
  EXPECT_EQ(claimed.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(jobs_.GetJob(id)->state, JobState::kHeld);
  EXPECT_TRUE(TakeBack(8));
  ExpectReadyAsIfNeverClaimed(id, 1);
}

}  // namespace
}  // namespace millrace
