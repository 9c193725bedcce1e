// Starting and stopping a pool (contract A1, A3 to A8).

#include <atomic>
#include <thread>

#include "server/base/named_thread.h"
#include "tests/unit/pool/pool_fixture.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PoolLifecycleTest : public PoolFixture {
 protected:
  // Stops the pool in a thread of its own, and moves the clock until that is done.
  absl::StatusOr<StopReport> StopWhileTimePasses(absl::Duration timeout) {
    absl::StatusOr<StopReport> report = absl::UnknownError("not yet");
    std::atomic<bool> done = false;
    std::thread stopper = StartNamedThread("stopper", [&] {
      report = pool_->Stop(timeout);
      done = true;
    });
    EXPECT_TRUE(Eventually([&] {
      clock_.Advance(absl::Seconds(1));
      return done.load();
    }));
    stopper.join();
    return report;
  }

  PoolEventData StopEvent() const {
    return std::get<PoolEventData>(events_.OfType(EventType::kPoolStop).at(0).data);
  }
};

TEST_F(PoolLifecycleTest, CreatingDoesNothing) {
  MakePool();
  EXPECT_EQ(store_.CountCalls(Call::kRegister), 0);
  EXPECT_TRUE(events_.All().empty());
  EXPECT_FALSE(pool_->running());
  EXPECT_EQ(pool_->worker_id(), "worker-id");
  EXPECT_EQ(pool_->pool_name(), "pool-name");
}

TEST_F(PoolLifecycleTest, StartEmitsTheConcurrency) {
  StartPool();
  EXPECT_TRUE(pool_->running());
  EXPECT_EQ(std::get<PoolEventData>(events_.OfType(EventType::kPoolStart).at(0).data).concurrency,
            2);
  EXPECT_EQ(pool_->Stats().running_since, clock_.Now());
}

TEST_F(PoolLifecycleTest, PoolRegistersUnderItsIdentity) {
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  const WorkerRegistration registration = store_.Registrations().at(0);
  EXPECT_EQ(registration.worker_id, "worker-id");
  EXPECT_EQ(registration.pool_name, "pool-name");
  EXPECT_EQ(registration.pid, 17);
  EXPECT_EQ(registration.lease_ttl, config_.lease_ttl);
}

TEST_F(PoolLifecycleTest, SecondStartIsRefused) {
  StartPool();
  EXPECT_EQ(pool_->Start(), absl::FailedPreconditionError("already running"));
  EXPECT_EQ(events_.OfType(EventType::kPoolStart).size(), 1u);
}

TEST_F(PoolLifecycleTest, OfManySimultaneousStartsExactlyOneWins) {
  MakePool();
  std::atomic<int> won = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> starters;
  for (int i = 0; i < 8; ++i) {
    starters.push_back(StartNamedThread("starter", [&] {
      const absl::Status status = pool_->Start();
      if (status.ok()) ++won;
      if (status == absl::FailedPreconditionError("already running")) ++refused;
    }));
  }
  for (std::thread& starter : starters) starter.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(refused, 7);
  EXPECT_EQ(events_.OfType(EventType::kPoolStart).size(), 1u);
}

TEST_F(PoolLifecycleTest, StartDoesNotWaitForTheDatabase) {
  store_.FailAll();
  StartPool();
  EXPECT_TRUE(pool_->running());
  ASSERT_TRUE(events_.WaitFor(EventType::kWorkerError));
  const JobId id = store_.AddTask("ok");
  store_.Mend();
  ASSERT_TRUE(Eventually([this, id] {
    clock_.Advance(absl::Seconds(1));
    return store_.Look(id).state == JobState::kCompleted;
  }));
}

TEST_F(PoolLifecycleTest, StartRefusesABadConfigurationNamingEveryFault) {
  config_.concurrency = 0;
  config_.queue_size = -1;
  MakePool();
  const absl::Status status = pool_->Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("concurrency"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("queue-size"));
  EXPECT_FALSE(pool_->running());
  EXPECT_TRUE(events_.All().empty());
}

TEST_F(PoolLifecycleTest, StartRefusesATaskThatIsNotRegistered) {
  config_.task_identifiers = {"ok", "nobody knows me"};
  MakePool();
  EXPECT_EQ(pool_->Start(),
            absl::InvalidArgumentError(
                "task-identifiers: no handler is registered for \"nobody knows me\""));
}

TEST_F(PoolLifecycleTest, StopOfAPoolThatDoesNotRunIsRefused) {
  MakePool();
  EXPECT_EQ(pool_->Stop(std::nullopt).status(), absl::FailedPreconditionError("not running"));
  EXPECT_EQ(pool_->ForceStop().status(), absl::FailedPreconditionError("not running"));
}

TEST_F(PoolLifecycleTest, StopRefusesANegativeTimeout) {
  StartPool();
  EXPECT_EQ(pool_->Stop(-absl::Seconds(1)).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(pool_->running());
}

TEST_F(PoolLifecycleTest, StopOfAnIdlePoolEndsItsLease) {
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  ASSERT_TRUE(pool_->Stop(std::nullopt).ok());
  EXPECT_FALSE(pool_->running());
  EXPECT_FALSE(store_.IsRegistered(1));
  EXPECT_FALSE(StopEvent().forced);
}

TEST_F(PoolLifecycleTest, StopLetsHandlersFinish) {
  const JobId id = store_.AddTask("stubborn");
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  absl::StatusOr<StopReport> report;
  std::thread stopper =
      StartNamedThread("stopper", [&] { report = pool_->Stop(absl::Minutes(1)); });
  ASSERT_TRUE(Eventually([this] { return pool_->Stats().stopping; }));
  gate_.Open();
  stopper.join();
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->finished, 1);
  EXPECT_EQ(report->interrupted, 0);
  EXPECT_EQ(report->still_running, 0);
  EXPECT_EQ(store_.Look(id).state, JobState::kCompleted);
  EXPECT_FALSE(StopEvent().forced);
}

TEST_F(PoolLifecycleTest, StopGivesBufferedJobsBackAtOnce) {
  ASSERT_NO_FATAL_FAILURE(FillLocalQueue());
  std::thread stopper = StartNamedThread("stopper", [this] { (void)pool_->Stop(absl::Hours(1)); });
  // While the handlers are still running.
  EXPECT_TRUE(
      store_.WaitUntil([this] { return store_.Look(buffered_).state == JobState::kReady; }));
  EXPECT_EQ(store_.Look(buffered_).job.attempt, 0);
  gate_.Open();
  stopper.join();
  EXPECT_GE(pool_->Stats().given_back, 1);
}

TEST_F(PoolLifecycleTest, StopReportsWhatItGaveBack) {
  ASSERT_NO_FATAL_FAILURE(FillLocalQueue());
  gate_.Open();
  const absl::StatusOr<StopReport> report = pool_->Stop(absl::Hours(1));
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(pool_->Stats().claimed, pool_->Stats().completed + pool_->Stats().given_back);
  EXPECT_EQ(report->given_back, pool_->Stats().given_back);
  EXPECT_FALSE(store_.IsRegistered(1));
}

TEST_F(PoolLifecycleTest, StopMayLeaveBufferedJobsLocked) {
  config_.keep_undispatched_locked = true;
  ASSERT_NO_FATAL_FAILURE(FillLocalQueue());
  std::thread stopper = StartNamedThread("stopper", [this] { (void)pool_->Stop(absl::Hours(1)); });
  ASSERT_TRUE(Eventually([this] { return pool_->Stats().buffered == 0; }));
  gate_.Open();
  stopper.join();
  EXPECT_EQ(store_.Look(buffered_).state, JobState::kHeld);
  EXPECT_TRUE(store_.Look(buffered_).kept);
  EXPECT_TRUE(store_.IsRegistered(1));
  EXPECT_EQ(pool_->Stats().given_back, 0);
  // The lease is kept too, with the database's knowledge.
  const int heartbeats = store_.CountCalls(Call::kHeartbeat);
  ASSERT_TRUE(Eventually([&] {
    clock_.Advance(config_.heartbeat_interval);
    return store_.CountCalls(Call::kHeartbeat) > heartbeats + 2;
  }));
}

TEST_F(PoolLifecycleTest, JobsThatStayedLockedAreFreeUncountedWhenThePoolRunsAgain) {
  config_.keep_undispatched_locked = true;
  ASSERT_NO_FATAL_FAILURE(FillLocalQueue());
  ASSERT_TRUE(pool_->ForceStop().ok());
  gate_.Open();
  ASSERT_TRUE(events_.WaitFor(EventType::kPoolStop));
  EXPECT_EQ(store_.Look(buffered_).state, JobState::kHeld);
  ASSERT_TRUE(Eventually([this] { return pool_->Start().ok(); }));
  ASSERT_TRUE(store_.WaitForState(buffered_, JobState::kCompleted));
  EXPECT_EQ(store_.Look(buffered_).job.attempt, 1);
  EXPECT_TRUE(JobEvents(EventType::kJobRescued).empty());
}

TEST_F(PoolLifecycleTest, AJobThatStayedLockedCanBeCancelled) {
  config_.keep_undispatched_locked = true;
  ASSERT_NO_FATAL_FAILURE(FillLocalQueue());
  ASSERT_TRUE(pool_->ForceStop().ok());
  gate_.Open();
  ASSERT_TRUE(events_.WaitFor(EventType::kPoolStop));
  store_.Cancel(buffered_, "not wanted");
  pool_->NoteCancelled();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCancelled));
  EXPECT_EQ(store_.Look(buffered_).state, JobState::kCancelled);
}

TEST_F(PoolLifecycleTest, StopAsksHandlersToStopWhenTheTimeoutHasPassed) {
  config_.stop_grace = absl::Hours(1);
  const JobId id = store_.AddTask("obedient");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  const absl::StatusOr<StopReport> report = StopWhileTimePasses(absl::Seconds(10));
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->interrupted, 1);
  EXPECT_EQ(report->finished, 0);
  EXPECT_TRUE(StopEvent().forced);
  EXPECT_THAT(events_.Names(), ElementsAre("pool/start", "job/interrupted", "pool/stop"));
  EXPECT_EQ(store_.Look(id).state, JobState::kReady);
  EXPECT_EQ(store_.Look(id).job.attempt, 0);
  EXPECT_EQ(pool_->Stats().interrupted, 1);
  EXPECT_EQ(pool_->Stats().failed, 0);
}

TEST_F(PoolLifecycleTest, HandlerThatCompletesThoughAskedToStopIsCompleted) {
  config_.stop_grace = absl::Hours(1);
  tasks_.Add("completes", [this](TaskContext& context) {
    arrived_.Open();
    context.WaitFor(absl::InfiniteDuration());
    return TaskResult::Success();
  });
  const JobId id = store_.AddTask("completes");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  const absl::StatusOr<StopReport> report = StopWhileTimePasses(absl::Seconds(10));
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->finished, 1);
  EXPECT_TRUE(StopEvent().forced);
  EXPECT_EQ(store_.Look(id).state, JobState::kCompleted);
}

TEST_F(PoolLifecycleTest, InterruptionBeyondTheMaximumIsAFailure) {
  config_.max_interruptions = 3;
  const JobId id = store_.AddTask("obedient");
  store_.SetInterruptions(id, 3);
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  ASSERT_TRUE(pool_->ForceStop().ok());
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_EQ(store_.Look(id).history[0].error_message, "interrupted more than 3 times");
}

TEST_F(PoolLifecycleTest, ForceStopReturnsAtOnceHowManyWereAsked) {
  store_.AddTask("obedient");
  store_.AddTask("stubborn");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  EXPECT_EQ(*pool_->ForceStop(), 2);
  ASSERT_TRUE(events_.WaitFor(EventType::kJobInterrupted));
  gate_.Open();
  ASSERT_TRUE(events_.WaitFor(EventType::kPoolStop));
  EXPECT_FALSE(pool_->running());
  EXPECT_TRUE(StopEvent().forced);
  EXPECT_EQ(pool_->Stats().interrupted, 1);
}

TEST_F(PoolLifecycleTest, ForceStopOfAnIdlePoolIsForcedToo) {
  StartPool();
  EXPECT_EQ(*pool_->ForceStop(), 0);
  ASSERT_TRUE(events_.WaitFor(EventType::kPoolStop));
  EXPECT_TRUE(StopEvent().forced);
}

TEST_F(PoolLifecycleTest, ForceStopHurriesAStopThatIsUnderWay) {
  store_.AddTask("obedient");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  absl::StatusOr<StopReport> report;
  std::thread stopper = StartNamedThread("stopper", [&] { report = pool_->Stop(absl::Hours(1)); });
  ASSERT_TRUE(Eventually([this] { return pool_->Stats().stopping; }));
  EXPECT_EQ(pool_->Stop(std::nullopt).status(), absl::FailedPreconditionError("already stopping"));
  EXPECT_EQ(pool_->Start(), absl::FailedPreconditionError("the pool is stopping"));
  EXPECT_EQ(*pool_->ForceStop(), 1);
  stopper.join();
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->interrupted, 1);
}

TEST_F(PoolLifecycleTest, ForceStopGivesBufferedJobsBack) {
  ASSERT_NO_FATAL_FAILURE(FillLocalQueue());
  ASSERT_TRUE(pool_->ForceStop().ok());
  EXPECT_TRUE(
      store_.WaitUntil([this] { return store_.Look(buffered_).state == JobState::kReady; }));
}

TEST_F(PoolLifecycleTest, PoolCanBeStartedAgainAndCountersGoOn) {
  store_.AddTask("ok");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  ASSERT_TRUE(pool_->Stop(std::nullopt).ok());
  store_.AddTask("ok");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted, 2));
  EXPECT_EQ(pool_->Stats().completed, 2);
  EXPECT_TRUE(pool_->running());
}

TEST_F(PoolLifecycleTest, PoolCanBeStartedAsSoonAsItsStopIsSeenInTheFeed) {
  StartPool();
  for (int round = 1; round <= 20; ++round) {
    ASSERT_TRUE(pool_->ForceStop().ok());
    ASSERT_TRUE(events_.WaitFor(EventType::kPoolStop, round));
    ASSERT_FALSE(pool_->running());
    ASSERT_EQ(pool_->Start(), absl::OkStatus());
  }
}

TEST_F(PoolLifecycleTest, StragglerIsReportedAndKeepsThePoolFromStarting) {
  const JobId id = store_.AddTask("stubborn");
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  const absl::StatusOr<StopReport> report = StopWhileTimePasses(absl::Seconds(10));
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->still_running, 1);
  EXPECT_FALSE(pool_->running());
  EXPECT_EQ(pool_->Stats().stuck, 1);
  EXPECT_EQ(pool_->Stats().active, 1);
  EXPECT_EQ(JobEvents(EventType::kWorkerStuck).at(0).job_id, id);
  const absl::Status start = pool_->Start();
  EXPECT_EQ(start.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(start.message()), HasSubstr("1 handler"));
  EXPECT_THAT(std::string(start.message()), HasSubstr("job 1 (stubborn)"));
}

TEST_F(PoolLifecycleTest, StragglerKeepsItsLeaseAndItsOutcomeIsRecorded) {
  const JobId id = store_.AddTask("stubborn");
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  ASSERT_TRUE(StopWhileTimePasses(absl::Seconds(10)).ok());
  EXPECT_TRUE(store_.IsRegistered(1));
  gate_.Open();
  ASSERT_TRUE(store_.WaitForState(id, JobState::kCompleted));
  ASSERT_TRUE(store_.WaitUntil([this] { return !store_.IsRegistered(1); }));
  ASSERT_TRUE(Eventually([this] { return pool_->Start().ok(); }));
}

TEST_F(PoolLifecycleTest, StopEndsWhileTheDatabaseIsAwayAndOutcomesAreRecordedLater) {
  const JobId id = store_.AddTask("stubborn");
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  store_.FailAll();
  gate_.Open();
  ASSERT_TRUE(events_.WaitFor(EventType::kWorkerError));
  ASSERT_TRUE(StopWhileTimePasses(absl::Seconds(10)).ok());
  EXPECT_FALSE(pool_->running());
  EXPECT_EQ(store_.Look(id).state, JobState::kHeld);
  EXPECT_THAT(std::string(pool_->Start().message()), HasSubstr("not recorded yet"));
  store_.Mend();
  ASSERT_TRUE(Eventually([this, id] {
    clock_.Advance(absl::Seconds(2));
    return store_.Look(id).state == JobState::kCompleted;
  }));
  ASSERT_TRUE(Eventually([this] { return pool_->Start().ok(); }));
}

TEST_F(PoolLifecycleTest, StopEndsThoughAClaimHangs) {
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  store_.Hang(Call::kClaim);
  const int claims = store_.CountCalls(Call::kClaim);
  const JobId id = AddAndWake("ok");
  ASSERT_TRUE(store_.WaitForCalls(Call::kClaim, claims + 1));
  ASSERT_TRUE(StopWhileTimePasses(absl::Seconds(1)).ok());
  EXPECT_FALSE(pool_->running());
  store_.Release(Call::kClaim);
  // What the late claim brought is given back.
  ASSERT_TRUE(store_.WaitUntil([this] { return !store_.IsRegistered(1); }));
  EXPECT_EQ(store_.Look(id).state, JobState::kReady);
  EXPECT_EQ(store_.Look(id).job.attempt, 0);
}

TEST_F(PoolLifecycleTest, DestructorAsksHandlersToStopAndWaitsForThem) {
  const JobId id = store_.AddTask("obedient");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  pool_.reset();
  EXPECT_EQ(store_.Look(id).state, JobState::kReady);
  EXPECT_EQ(store_.Look(id).interruptions, 1);
  EXPECT_FALSE(store_.IsRegistered(1));
  EXPECT_EQ(events_.OfType(EventType::kPoolStop).size(), 1u);
}

TEST_F(PoolLifecycleTest, DestructorGivesUpWhatTheDatabaseDoesNotTake) {
  store_.AddTask("stubborn");
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  store_.FailAll();
  gate_.Open();
  ASSERT_TRUE(events_.WaitFor(EventType::kWorkerError));
  pool_.reset();
  EXPECT_FALSE(events_.OfType(EventType::kPoolStop).empty());
}

TEST_F(PoolLifecycleTest, WaitUntilStoppedSaysWhetherItIs) {
  MakePool();
  EXPECT_TRUE(pool_->WaitUntilStopped(absl::ZeroDuration()));
  StartPool();
  EXPECT_FALSE(pool_->WaitUntilStopped(absl::ZeroDuration()));
  ASSERT_TRUE(pool_->ForceStop().ok());
  EXPECT_TRUE(pool_->WaitUntilStopped(absl::InfiniteDuration()));
}

TEST_F(PoolLifecycleTest, StatsCountHandlersThatRun) {
  store_.AddTask("stubborn");
  store_.AddTask("stubborn");
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(2));
  const PoolStats stats = pool_->Stats();
  EXPECT_EQ(stats.active, 2);
  EXPECT_EQ(stats.concurrency, 2);
  EXPECT_EQ(stats.claimed, 2);
  EXPECT_TRUE(stats.running);
  EXPECT_FALSE(stats.stopping);
  EXPECT_EQ(stats.last_claim_tick, clock_.Now());
}

TEST_F(PoolLifecycleTest, StatsShowNoJobInTwoPlaces) {
  config_.concurrency = 4;
  for (int i = 0; i < 5000; ++i) store_.AddTask("ok");
  StartPool();
  PoolStats stats;
  for (; stats.completed < 5000; stats = pool_->Stats()) {
    ASSERT_LE(stats.completed + stats.active + stats.buffered, stats.claimed);
  }
}

TEST_F(PoolLifecycleTest, NoMoreHandlersRunThanTheConcurrency) {
  for (int i = 0; i < 20; ++i) store_.AddTask("stubborn");
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(2));
  ASSERT_TRUE(Eventually([this] { return pool_->Stats().active == 2; }));
  EXPECT_EQ(gate_.arrived(), 2);
}

TEST_F(PoolLifecycleTest, WhatWasGivenBackCountsOnceThoughTheAnswerWasLost) {
  ASSERT_NO_FATAL_FAILURE(FillLocalQueue());
  store_.Fail(Call::kGiveBack, absl::UnavailableError("the connection was lost"), 1,
              /*after_doing=*/true);
  ASSERT_TRUE(pool_->ForceStop().ok());
  gate_.Open();
  ASSERT_TRUE(Eventually([this] {
    clock_.Advance(absl::Milliseconds(10));
    return !pool_->running();
  }));
  const PoolStats stats = pool_->Stats();
  EXPECT_GT(stats.given_back, 0);
  EXPECT_EQ(stats.claimed, stats.completed + stats.given_back);
}

}  // namespace
}  // namespace millrace
