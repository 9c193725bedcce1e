// The lease of a pool and those of others (contract E2), through a whole pool.

#include <utility>

#include "tests/unit/pool/pool_fixture.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class PoolLeaseTest : public PoolFixture {
 protected:
  PoolLeaseTest() {
    config_.lease_ttl = absl::Seconds(15);
    config_.heartbeat_interval = absl::Seconds(3);
  }

  // Moves the clock by three seconds at a time, waiting for the heartbeat that falls due.
  void PassWithHeartbeats(int seconds) {
    for (int i = 0; i < seconds; i += 3) {
      const int leases = store_.CountCalls(Call::kListLeases);
      clock_.Advance(absl::Seconds(3));
      ASSERT_TRUE(store_.WaitForCalls(Call::kListLeases, leases + 1));
    }
  }

  // Moves the clock until jobs are rescued. Our own lease is renewed meanwhile.
  void PassUntilRescue() {
    for (int i = 0; i < 20 && store_.CountCalls(Call::kRescue) == 0; ++i) PassWithHeartbeats(3);
    ASSERT_TRUE(store_.WaitForCalls(Call::kRescue, 1));
  }

  // Another pool, which holds a job and never renews its lease.
  WorkerNumber LoseAPoolWith(const std::string& task, int max_attempts, bool started) {
    WorkerRegistration registration;
    registration.worker_id = "the lost one";
    registration.lease_ttl = absl::Seconds(15);
    const WorkerNumber worker = *store_.RegisterWorker(registration);
    store_.AddTask(task, max_attempts);
    const std::vector<ClaimedJob> jobs = *store_.Claim({worker, worker, 1, {}, {}});
    if (started) {
      EXPECT_TRUE(store_.RecordLastAttemptStarts({{jobs[0].claim_id, jobs[0].job.id}}).ok());
    }
    return worker;
  }
};

TEST_F(PoolLeaseTest, LeaseIsRenewedAtEachInterval) {
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  ASSERT_TRUE(store_.WaitForCalls(Call::kListLeases, 1));
  PassWithHeartbeats(9);
  EXPECT_EQ(store_.CountCalls(Call::kHeartbeat), 3);
  EXPECT_EQ(store_.CountCalls(Call::kRegister), 1);
}

TEST_F(PoolLeaseTest, JobOfALostPoolIsRescuedAfterItsLease) {
  LoseAPoolWith("ok", 25, /*started=*/false);
  StartPool();
  ASSERT_TRUE(store_.WaitForCalls(Call::kListLeases, 1));
  PassWithHeartbeats(12);
  EXPECT_EQ(store_.CountCalls(Call::kRescue), 0);
  PassUntilRescue();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  ASSERT_TRUE(events_.WaitFor(EventType::kJobRescued));
  // It may run again, anywhere, before who has freed it comes to say so.
  EXPECT_THAT(events_.Names(), UnorderedElementsAre("pool/start", "job/rescued", "job/completed"));
  EXPECT_EQ(JobEvents(EventType::kJobCompleted)[0].attempt, 2);
}

TEST_F(PoolLeaseTest, AStoppedPoolRescuesToo) {
  const WorkerNumber lost = LoseAPoolWith("ok", 25, /*started=*/false);
  MakePool();
  pool_->RescueWhileStopped();
  clock_.Advance(absl::Seconds(14));
  pool_->RescueWhileStopped();
  EXPECT_EQ(store_.Look(1).state, JobState::kHeld);
  clock_.Advance(absl::Seconds(1));
  pool_->RescueWhileStopped();
  EXPECT_EQ(store_.Look(1).state, JobState::kReady);
  ASSERT_THAT(JobEvents(EventType::kJobRescued), SizeIs(1));
  EXPECT_EQ(JobEvents(EventType::kJobRescued)[0].job_id, 1);
  // Until it is sure that nothing is left.
  for (int i = 0; i < 5; ++i) pool_->RescueWhileStopped();
  EXPECT_FALSE(store_.IsRegistered(lost));
}

TEST_F(PoolLeaseTest, APoolThatRunsLeavesItToItsLeaseKeeper) {
  StartPool();
  ASSERT_TRUE(store_.WaitForCalls(Call::kListLeases, 1));
  pool_->RescueWhileStopped();
  EXPECT_EQ(store_.CountCalls(Call::kListLeases), 1);
  ASSERT_TRUE(pool_->Stop(absl::ZeroDuration()).ok());
  pool_->RescueWhileStopped();
  EXPECT_EQ(store_.CountCalls(Call::kListLeases), 2);
}

TEST_F(PoolLeaseTest, StartedLastAttemptOfALostPoolIsExhausted) {
  LoseAPoolWith("ok", 1, /*started=*/true);
  StartPool();
  ASSERT_TRUE(store_.WaitForCalls(Call::kListLeases, 1));
  PassUntilRescue();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobExhausted));
  EXPECT_THAT(events_.Names(), ElementsAre("pool/start", "job/rescued", "job/exhausted"));
  EXPECT_EQ(JobEvents(EventType::kJobExhausted)[0].error, "worker lost");
  EXPECT_EQ(pool_->Stats().failed, 1);
}

TEST_F(PoolLeaseTest, SupersededJobOfALostPoolIsCancelled) {
  LoseAPoolWith("ok", 25, /*started=*/false);
  store_.AnswerWith(store_.LastHeld(), RecordVerdict::kCancelled, 1);
  StartPool();
  ASSERT_TRUE(store_.WaitForCalls(Call::kListLeases, 1));
  PassUntilRescue();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCancelled));
  EXPECT_THAT(events_.Names(), ElementsAre("pool/start", "job/rescued", "job/cancelled"));
  EXPECT_EQ(JobEvents(EventType::kJobCancelled)[0].error, "superseded");
}

TEST_F(PoolLeaseTest, CancelledJobOfALostPoolIsCancelledForItsReason) {
  LoseAPoolWith("ok", 25, /*started=*/false);
  store_.Cancel(store_.LastHeld(), "not wanted");
  StartPool();
  ASSERT_TRUE(store_.WaitForCalls(Call::kListLeases, 1));
  PassUntilRescue();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCancelled));
  EXPECT_THAT(events_.Names(), ElementsAre("pool/start", "job/rescued", "job/cancelled"));
  EXPECT_EQ(JobEvents(EventType::kJobCancelled)[0].error, "not wanted");
}

TEST_F(PoolLeaseTest, LastAttemptThatHadNotStartedRunsAgain) {
  LoseAPoolWith("ok", 1, /*started=*/false);
  StartPool();
  ASSERT_TRUE(store_.WaitForCalls(Call::kListLeases, 1));
  PassUntilRescue();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(JobEvents(EventType::kJobCompleted)[0].attempt, 1);
}

TEST_F(PoolLeaseTest, OutageOfTheDatabaseEndsNobodysLease) {
  const WorkerNumber other = LoseAPoolWith("ok", 25, /*started=*/false);
  StartPool();
  ASSERT_TRUE(store_.WaitForCalls(Call::kListLeases, 1));
  PassWithHeartbeats(12);
  store_.Fail(Call::kListLeases, absl::UnavailableError("away"), 1);
  PassWithHeartbeats(3);
  // What was seen before does not count any more: a whole lease must pass from here.
  PassWithHeartbeats(15);
  EXPECT_EQ(store_.CountCalls(Call::kRescue), 0);
  EXPECT_TRUE(store_.IsRegistered(other));
  PassUntilRescue();
}

TEST_F(PoolLeaseTest, PoolWhoseLeaseWasEndedRegistersAnewAndGoesOn) {
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  ASSERT_TRUE(store_.Rescue(1).ok());
  ASSERT_TRUE(store_.WaitForCalls(Call::kListLeases, 1));
  PassWithHeartbeats(3);
  ASSERT_TRUE(store_.WaitUntil([this] { return store_.IsIdle(2); }));
  const JobId id = AddAndWake("ok");
  ASSERT_TRUE(store_.WaitForState(id, JobState::kCompleted));
  EXPECT_EQ(store_.Look(id).held_by, 2);
}

TEST_F(PoolLeaseTest, HandlersOfAnEndedLeaseAreAskedToStopAndTheirOutcomesAreStale) {
  store_.AddTask("obedient");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  store_.SetMaxJobsOfClaims(0);
  ASSERT_TRUE(store_.Rescue(1).ok());
  clock_.Advance(absl::Seconds(3));
  ASSERT_TRUE(events_.WaitFor(EventType::kJobStaleOutcome));
  EXPECT_EQ(pool_->Stats().interrupted, 0);
}

TEST_F(PoolLeaseTest, NothingIsClaimedWhileTheLeaseCannotBeRenewed) {
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  // The claim after the announcement is answered, and everybody waits: the supervisor, the lease
  // keeper, the deadline watch and the claimer.
  ASSERT_TRUE(store_.WaitForCalls(Call::kClaim, 2));
  ASSERT_TRUE(Eventually([this] { return clock_.waiters() == 4; }));
  store_.Fail(Call::kHeartbeat, absl::UnavailableError("away"), FakePoolStore::kAlways);
  clock_.Advance(absl::Seconds(8));
  ASSERT_TRUE(events_.WaitFor(EventType::kWorkerError));
  const int claims = store_.CountCalls(Call::kClaim);
  const JobId id = AddAndWake("ok");
  const int heartbeats = store_.CountCalls(Call::kHeartbeat);
  clock_.Advance(absl::Seconds(2));
  ASSERT_TRUE(Eventually([&] {
    clock_.Advance(absl::Milliseconds(50));
    return store_.CountCalls(Call::kHeartbeat) > heartbeats;
  }));
  EXPECT_EQ(store_.CountCalls(Call::kClaim), claims);
  // Nobody takes this for a claim loop that does its work.
  EXPECT_LE(pool_->Stats().last_claim_tick, clock_.Now() - absl::Seconds(10));
  store_.Mend();
  ASSERT_TRUE(Eventually([this, id] {
    clock_.Advance(absl::Milliseconds(100));
    return store_.Look(id).state == JobState::kCompleted;
  }));
}

TEST_F(PoolLeaseTest, HandlersAreInterruptedAtTwoThirdsOfALeaseThatCannotBeRenewed) {
  const JobId id = store_.AddTask("obedient");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  store_.Fail(Call::kHeartbeat, absl::UnavailableError("away"), FakePoolStore::kAlways);
  clock_.Advance(absl::Seconds(9));
  ASSERT_TRUE(events_.WaitFor(EventType::kWorkerError));
  EXPECT_EQ(pool_->Stats().active, 1);
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(events_.WaitFor(EventType::kJobInterrupted));
  EXPECT_EQ(store_.Look(id).job.attempt, 0);
}

TEST_F(PoolLeaseTest, AHandlerThatOutlivesThatIsReportedAsStuckThoughTheDatabaseIsAway) {
  AddIgnoringTask();
  store_.AddTask("ignores");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  store_.Fail(Call::kHeartbeat, absl::UnavailableError("away"), FakePoolStore::kAlways);
  clock_.Advance(absl::Seconds(10));
  ASSERT_TRUE(asked_.WaitForOpen());
  EXPECT_EQ(pool_->Stats().stuck, 0);
  clock_.Advance(config_.stop_grace);
  EXPECT_TRUE(events_.WaitFor(EventType::kWorkerStuck));
  gate_.Open();
}

TEST_F(PoolLeaseTest, ALastAttemptWhoseStartTookHalfOfTheLeaseToRecordDoesNotBegin) {
  config_.on_lost_lease = OnLostLease::kContinue;
  store_.Hang(Call::kRecordStarts);
  const JobId id = store_.AddTask("stubborn", /*max_attempts=*/1);
  StartPool();
  ASSERT_TRUE(store_.WaitForCalls(Call::kRecordStarts, 1));
  store_.SetMaxJobsOfClaims(0);
  store_.Fail(Call::kHeartbeat, absl::UnavailableError("away"), FakePoolStore::kAlways);
  clock_.Advance(config_.lease_ttl / 2);
  store_.Release(Call::kRecordStarts);
  ASSERT_TRUE(store_.WaitForState(id, JobState::kReady));
  EXPECT_EQ(store_.Look(id).job.attempt, 0);
  EXPECT_EQ(gate_.arrived(), 0);
}

TEST_F(PoolLeaseTest, HandlersMayRunOnWhenTheLeaseCannotBeRenewed) {
  config_.on_lost_lease = OnLostLease::kContinue;
  store_.AddTask("obedient");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  store_.Fail(Call::kHeartbeat, absl::UnavailableError("away"), FakePoolStore::kAlways);
  clock_.Advance(absl::Seconds(14));
  ASSERT_TRUE(events_.WaitFor(EventType::kWorkerError));
  EXPECT_EQ(pool_->Stats().active, 1);
  EXPECT_TRUE(events_.OfType(EventType::kJobInterrupted).empty());
}

TEST_F(PoolLeaseTest, ThePoolLeavesTheProcessIfAHandlerOutlivesTheLeaseAndItWasToldSo) {
  config_.on_lost_lease = OnLostLease::kExit;
  store_.AddTask("stubborn");
  Gate left;
  pool_ = std::make_unique<WorkerPool>(store_, tasks_, emitter_, metrics_, clock_, config_,
                                       WorkerIdentity{"worker-id", "pool-name", "host", 17, "1.0"},
                                       [&left](const std::string&) { left.Open(); });
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  store_.Fail(Call::kHeartbeat, absl::UnavailableError("away"), FakePoolStore::kAlways);
  clock_.Advance(absl::Seconds(15));
  EXPECT_TRUE(left.WaitForOpen());
}

TEST_F(PoolLeaseTest, WhatIsBufferedIsGivenBackInsteadOfBegunOnceHalfOfTheLeaseIsOver) {
  ASSERT_NO_FATAL_FAILURE(FillLocalQueue());
  store_.SetMaxJobsOfClaims(0);
  store_.Fail(Call::kHeartbeat, absl::UnavailableError("away"), FakePoolStore::kAlways);
  clock_.Advance(config_.lease_ttl / 2);
  const int64_t begun = gate_.arrived();
  gate_.Open();
  ASSERT_TRUE(store_.WaitForState(buffered_, JobState::kReady));
  EXPECT_EQ(store_.Look(buffered_).job.attempt, 0);
  EXPECT_EQ(gate_.arrived(), begun);
}

TEST_F(PoolLeaseTest, ManyLostPoolsWhoseRescueIsSlowDoNotCostThePoolItsOwnLease) {
  constexpr int kLost = 50;
  config_.max_job_execution_time = absl::ZeroDuration();
  for (int i = 0; i < kLost; ++i) LoseAPoolWith("elsewhere", 25, /*started=*/false);
  const JobId own = store_.AddTask("obedient");
  store_.OnRescue([this] { clock_.Advance(absl::Seconds(4)); });
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  ASSERT_TRUE(store_.WaitForCalls(Call::kListLeases, 1));
  PassUntilRescue();
  const auto all_are_free = [this, own] {
    for (JobId id = 1; id < own; ++id) {
      if (store_.Look(id).state != JobState::kReady) return false;
    }
    return true;
  };
  ASSERT_TRUE(store_.WaitUntil(all_are_free));
  // One is due after each rescue.
  EXPECT_GE(store_.CountCalls(Call::kHeartbeat), kLost);
  EXPECT_EQ(store_.CountCalls(Call::kRegister), kLost + 1);
  EXPECT_EQ(store_.Look(own).state, JobState::kHeld);
  EXPECT_TRUE(events_.OfType(EventType::kJobInterrupted).empty());
}

TEST_F(PoolLeaseTest, RescueIsRepeatedUntilNothingIsFoundAnyMore) {
  LoseAPoolWith("ok", 25, /*started=*/false);
  StartPool();
  ASSERT_TRUE(store_.WaitForCalls(Call::kListLeases, 1));
  PassUntilRescue();
  PassWithHeartbeats(18);
  EXPECT_EQ(store_.CountCalls(Call::kRescue), 4);
}

}  // namespace
}  // namespace millrace
