// When and how much a pool claims (contract B), through a whole pool.

#include "tests/unit/pool/pool_fixture.h"

namespace millrace {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::Le;

class ClaimerTest : public PoolFixture {
 protected:
  // The first claim is made, with this job, and its answer is lost.
  JobId StartPoolThatLosesItsFirstClaim() {
    const JobId id = store_.AddTask("ok");
    store_.Fail(Call::kClaim, absl::UnavailableError("lost"), 1, /*after_doing=*/true);
    StartPool();
    EXPECT_TRUE(events_.WaitFor(EventType::kWorkerError));
    EXPECT_EQ(store_.Look(id).state, JobState::kHeld);
    return id;
  }
};

TEST_F(ClaimerTest, IdlePoolAnnouncesItselfAndClaimsOnceMore) {
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  ASSERT_TRUE(store_.WaitForCalls(Call::kClaim, 2));
  EXPECT_EQ(store_.CountCalls(Call::kAnnounceIdle), 1);
}

TEST_F(ClaimerTest, SingleJobsCostNoAnnouncement) {
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  for (size_t i = 1; i <= 5; ++i) {
    const int claims = store_.CountCalls(Call::kClaim);
    AddAndWake("ok");
    ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted, i));
    // One that brings the job and one that brings nothing: several in a row that bring jobs are
    // those of a busy pool.
    ASSERT_TRUE(store_.WaitForCalls(Call::kClaim, claims + 2));
    clock_.Advance(absl::Milliseconds(100));
  }
  EXPECT_EQ(store_.CountCalls(Call::kAnnounceIdle), 1);
}

TEST_F(ClaimerTest, BusyPoolWithdrawsItsAnnouncement) {
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  store_.SetMaxJobsOfClaims(1);
  for (int i = 0; i < 20; ++i) store_.AddTask("ok");
  pool_->Wake();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted, 20));
  ASSERT_TRUE(WaitUntilIdle());
  EXPECT_EQ(store_.CountCalls(Call::kAnnounceIdle), 3);
}

TEST_F(ClaimerTest, PollingAloneFindsJobs) {
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  const JobId id = store_.AddTask("ok");
  ASSERT_TRUE(Eventually([this, id] {
    clock_.Advance(config_.poll_interval);
    return store_.Look(id).state == JobState::kCompleted;
  }));
}

TEST_F(ClaimerTest, UnderLoadAJobThatBecomesDueWaitsForNoPoll) {
  config_.poll_interval = absl::Hours(1);
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  store_.SetMaxJobsOfClaims(1);
  store_.OnClaim([this] { clock_.Advance(absl::Milliseconds(5)); });
  Job job;
  job.task_identifier = "ok";
  job.priority = -1;
  job.run_at = clock_.Now() + absl::Milliseconds(1);
  const JobId due = store_.Add(job);
  for (int i = 0; i < 500; ++i) store_.AddTask("ok");
  pool_->Wake();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted, 501));
  const std::vector<JobEventData> completed = JobEvents(EventType::kJobCompleted);
  const auto position =
      std::find_if(completed.begin(), completed.end(),
                   [due](const JobEventData& data) { return data.job_id == due; });
  // In 200 ms there are 40 claims.
  EXPECT_LT(position - completed.begin(), 100);
}

TEST_F(ClaimerTest, ScheduledJobRunsWhenItIsDueAndNotBefore) {
  config_.poll_interval = absl::Hours(1);
  Job job;
  job.task_identifier = "ok";
  job.run_at = clock_.Now() + absl::Minutes(10);
  const JobId id = store_.Add(job);
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  clock_.Advance(absl::Minutes(10) - absl::Milliseconds(1));
  AddAndWake("ok");
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(store_.Look(id).state, JobState::kScheduled);
  ASSERT_TRUE(Eventually([this, id] {
    clock_.Advance(absl::Milliseconds(20));
    return store_.Look(id).state == JobState::kCompleted;
  }));
}

TEST_F(ClaimerTest, WakeTellsOfJobsThatAreScheduledSooner) {
  config_.poll_interval = absl::Hours(1);
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  Job job;
  job.task_identifier = "ok";
  job.run_at = clock_.Now() + absl::Seconds(10);
  const JobId id = store_.Add(job);
  pool_->Wake();
  // In steps so small that polling does not find it while the test waits.
  ASSERT_TRUE(Eventually([this, id] {
    clock_.Advance(absl::Milliseconds(500));
    return store_.Look(id).state == JobState::kCompleted;
  }));
}

TEST_F(ClaimerTest, SlowHandlersAreClaimedForFreeWorkersOnly) {
  for (int i = 0; i < 50; ++i) store_.AddTask("stubborn");
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(2));
  pool_->Wake();
  EXPECT_EQ(pool_->Stats().claimed, 2);
  EXPECT_EQ(pool_->Stats().buffered, 0);
}

TEST_F(ClaimerTest, FastHandlersAreClaimedAheadUpToTheQueueSize) {
  config_.queue_size = 40;
  store_.OnClaim([this] { clock_.Advance(absl::Milliseconds(5)); });
  for (int i = 0; i < 2000; ++i) store_.AddTask("ok");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted, 2000));
  const std::vector<ClaimRequest> claims = store_.Claims();
  EXPECT_EQ(claims[0].max_jobs, 2);
  EXPECT_THAT(claims, Each(Field(&ClaimRequest::max_jobs, Le(40))));
  int largest = 0;
  for (const ClaimRequest& claim : claims) largest = std::max(largest, claim.max_jobs);
  EXPECT_GT(largest, 10);
}

TEST_F(ClaimerTest, ForbiddenFlagsAndAllowedTasksGoWithEachClaim) {
  config_.forbidden_flags = {"gpu"};
  config_.task_identifiers = {"ok"};
  Job job;
  job.task_identifier = "ok";
  job.flags = {"gpu"};
  const JobId flagged = store_.Add(job);
  const JobId other = store_.AddTask("fail");
  const JobId mine = store_.AddTask("ok");
  StartPool();
  ASSERT_TRUE(store_.WaitForState(mine, JobState::kCompleted));
  ASSERT_TRUE(WaitUntilIdle());
  EXPECT_EQ(store_.Look(flagged).state, JobState::kReady);
  EXPECT_EQ(store_.Look(other).state, JobState::kReady);
  EXPECT_THAT(store_.Claims()[0].forbidden_flags, ElementsAre("gpu"));
  EXPECT_THAT(store_.Claims()[0].task_identifiers, ElementsAre("ok"));
}

TEST_F(ClaimerTest, FailingClaimsBackOff) {
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  store_.Fail(Call::kClaim, absl::UnavailableError("away"), FakePoolStore::kAlways);
  AddAndWake("ok");
  ASSERT_TRUE(events_.WaitFor(EventType::kWorkerError));
  const int claims = store_.CountCalls(Call::kClaim);
  for (int i = 0; i < 100; ++i) pool_->Wake();
  // Time stands still, so there is no second try.
  EXPECT_EQ(store_.CountCalls(Call::kClaim), claims);
  store_.Mend();
  EXPECT_TRUE(Eventually([this] {
    clock_.Advance(absl::Milliseconds(50));
    return !events_.OfType(EventType::kJobCompleted).empty();
  }));
  EXPECT_EQ(pool_->Stats().errors, 1);
}

TEST_F(ClaimerTest, OnlyAClaimThatIsAnsweredIsATickOfTheClaimLoop) {
  store_.Fail(Call::kClaim, absl::UnavailableError("read-only"), FakePoolStore::kAlways);
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kWorkerError));
  EXPECT_EQ(pool_->Stats().last_claim_tick, std::nullopt);
  store_.Mend();
  EXPECT_TRUE(Eventually([this] {
    clock_.Advance(absl::Milliseconds(50));
    return pool_->Stats().last_claim_tick.has_value();
  }));
}

TEST_F(ClaimerTest, TheClaimLoopTicksOnWhileThereIsNoRoomForJobs) {
  config_.queue_size = 0;
  for (int i = 0; i < 3; ++i) store_.AddTask("stubborn");
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(2));
  const int claims = store_.CountCalls(Call::kClaim);
  const absl::Time before = clock_.Now();
  EXPECT_TRUE(Eventually([&] {
    clock_.Advance(config_.poll_interval);
    return pool_->Stats().last_claim_tick > before;
  }));
  EXPECT_EQ(store_.CountCalls(Call::kClaim), claims);
}

TEST_F(ClaimerTest, JobsOfAClaimWhoseAnswerWasLostRunInTheEnd) {
  const JobId id = StartPoolThatLosesItsFirstClaim();
  ASSERT_TRUE(Eventually([this, id] {
    clock_.Advance(absl::Milliseconds(50));
    return store_.Look(id).state == JobState::kCompleted;
  }));
  EXPECT_EQ(store_.Look(id).job.attempt, 1);
}

TEST_F(ClaimerTest, NothingIsClaimedUntilLostClaimsCanBeTakenBack) {
  store_.Fail(Call::kTakeBack, absl::UnavailableError("away"), FakePoolStore::kAlways);
  const JobId id = StartPoolThatLosesItsFirstClaim();
  ASSERT_TRUE(Eventually([this] {
    clock_.Advance(absl::Milliseconds(50));
    return store_.CountCalls(Call::kTakeBack) > 3;
  }));
  EXPECT_EQ(store_.CountCalls(Call::kClaim), 1);
  store_.Mend();
  EXPECT_TRUE(Eventually([this, id] {
    clock_.Advance(absl::Milliseconds(50));
    return store_.Look(id).state == JobState::kCompleted;
  }));
}

TEST_F(ClaimerTest, ClaimsGoOnWhileALostOneIsStillOnItsWay) {
  store_.SetClaimsOnTheirWay(true);
  const JobId lost = StartPoolThatLosesItsFirstClaim();
  const JobId other = store_.AddTask("ok");
  ASSERT_TRUE(Eventually([this, other] {
    clock_.Advance(absl::Milliseconds(50));
    return store_.Look(other).state == JobState::kCompleted;
  }));
  EXPECT_EQ(store_.Look(lost).state, JobState::kHeld);
  store_.SetClaimsOnTheirWay(false);
  EXPECT_TRUE(Eventually([this, lost] {
    clock_.Advance(absl::Milliseconds(50));
    return store_.Look(lost).state == JobState::kCompleted;
  }));
}

TEST_F(ClaimerTest, StopTakesBackAClaimWhoseAnswerWasLostBeforeTheLeaseEnds) {
  const JobId id = StartPoolThatLosesItsFirstClaim();
  ASSERT_TRUE(pool_->Stop(std::nullopt).ok());
  EXPECT_EQ(store_.Look(id).state, JobState::kReady);
  EXPECT_EQ(store_.Look(id).job.attempt, 0);
}

TEST_F(ClaimerTest, JobThatWaitsTooLongIsGivenBackAsStale) {
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  store_.OnClaim([this] { clock_.Advance(absl::Milliseconds(5)); });
  for (int i = 0; i < 200; ++i) store_.AddTask("ok");
  for (int i = 0; i < 20; ++i) store_.AddTask("stubborn");
  pool_->Wake();
  ASSERT_TRUE(gate_.WaitForArrivals(2));
  ASSERT_TRUE(Eventually([this] { return pool_->Stats().buffered > 0; }));
  store_.SetMaxJobsOfClaims(0);
  int64_t buffered = 0;
  ASSERT_TRUE(Eventually([this, &buffered] {
    const PoolStats stats = pool_->Stats();
    buffered = stats.buffered;
    return stats.claimed == stats.completed + stats.active + stats.buffered;
  }));
  const JobId id = store_.LastHeld();
  clock_.Advance(config_.queue_ttl);
  ASSERT_TRUE(store_.WaitForState(id, JobState::kReady));
  EXPECT_EQ(store_.Look(id).job.attempt, 0);
  ASSERT_TRUE(Eventually([this] { return pool_->Stats().buffered == 0; }));
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().stale_returned == buffered; }));
  EXPECT_EQ(pool_->Stats().given_back, buffered);
}

TEST_F(ClaimerTest, JobsThatWaitedTooLongAreLeftToOtherPoolsWhileTheWorkersAreBusy) {
  ASSERT_NO_FATAL_FAILURE(FillLocalQueue());
  const JobId first_slow = 201;
  clock_.Advance(config_.queue_ttl);
  ASSERT_TRUE(store_.WaitForState(buffered_, JobState::kReady));
  for (int i = 0; i < 5; ++i) {
    const int promotions = store_.CountCalls(Call::kPromoteDue);
    ASSERT_TRUE(Eventually([&] {
      clock_.Advance(config_.poll_interval);
      return store_.CountCalls(Call::kPromoteDue) > promotions;
    }));
    // What the two workers run.
    EXPECT_EQ(store_.LastHeld(), first_slow + 1);
  }
}

TEST_F(ClaimerTest, ClaimsPauseWhileTooManyOutcomesWaitToBeRecorded) {
  config_.concurrency = 20;
  config_.queue_size = 0;
  store_.Hang(Call::kRecord);
  for (int i = 0; i < 1500; ++i) store_.AddTask("ok");
  StartPool();
  ASSERT_TRUE(Eventually([this] { return pool_->Stats().claimed > 1000; }));
  pool_->Wake();
  EXPECT_LE(pool_->Stats().claimed, 1100);
  store_.Release(Call::kRecord);
  EXPECT_TRUE(events_.WaitFor(EventType::kJobCompleted, 1500));
}

TEST_F(ClaimerTest, ClaimsPauseWhileLargeResultsWaitToBeRecorded) {
  config_.concurrency = 4;
  config_.queue_size = 0;
  const std::string result = "\"" + std::string(1'000'000, 'x') + "\"";
  tasks_.Add("large", [&result](TaskContext&) { return TaskResult::Success(result); });
  store_.Hang(Call::kRecord);
  for (int i = 0; i < 200; ++i) store_.AddTask("large");
  StartPool();
  // 64 MiB are 67 of them, and the workers go on with what they have.
  ASSERT_TRUE(Eventually([this] { return pool_->Stats().claimed > 60; }));
  pool_->Wake();
  EXPECT_LE(pool_->Stats().claimed, 67 + 2 * config_.concurrency + 2);
  store_.Release(Call::kRecord);
  EXPECT_TRUE(events_.WaitFor(EventType::kJobCompleted, 200));
}

}  // namespace
}  // namespace millrace
