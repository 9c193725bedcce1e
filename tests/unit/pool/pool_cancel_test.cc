// Jobs that an operator cancels while the pool holds them (contract A9, C7).

#include "tests/support/eventually.h"
#include "tests/unit/pool/pool_fixture.h"

namespace millrace {
namespace {

class PoolCancelTest : public PoolFixture {
 protected:
  void CancelAndTell(JobId id) {
    store_.Cancel(id, "not wanted");
    pool_->NoteCancelled();
  }
};

TEST_F(PoolCancelTest, AHandlerIsAskedToStopAndItsJobIsCancelled) {
  StopReason reason = StopReason::kNone;
  tasks_.Add("asks", [&](TaskContext& context) {
    arrived_.Open();
    context.WaitFor(absl::InfiniteDuration());
    reason = context.stop_reason();
    throw std::runtime_error("asked to stop");
  });
  const JobId id = store_.AddTask("asks");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  CancelAndTell(id);
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCancelled));
  EXPECT_EQ(reason, StopReason::kCancelled);
  EXPECT_EQ(JobEvents(EventType::kJobCancelled)[0].error, "not wanted");
  EXPECT_EQ(store_.Look(id).state, JobState::kCancelled);
  EXPECT_EQ(pool_->Stats().failed, 0);
  EXPECT_EQ(pool_->Stats().interrupted, 0);
}

TEST_F(PoolCancelTest, AHandlerThatCompletesAllTheSameCompletesItsJob) {
  tasks_.Add("completes", [this](TaskContext& context) {
    arrived_.Open();
    context.WaitFor(absl::InfiniteDuration());
  });
  const JobId id = store_.AddTask("completes");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  CancelAndTell(id);
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(store_.Look(id).state, JobState::kCompleted);
  EXPECT_EQ(pool_->Stats().completed, 1);
}

TEST_F(PoolCancelTest, ABufferedJobIsGivenBackAndCancelledWhileOthersWait) {
  FillLocalQueue();
  CancelAndTell(buffered_);
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCancelled));
  EXPECT_EQ(JobEvents(EventType::kJobCancelled)[0].job_id, buffered_);
  EXPECT_EQ(store_.Look(buffered_).state, JobState::kCancelled);
  EXPECT_TRUE(store_.Look(buffered_).history.empty());
  EXPECT_EQ(pool_->Stats().given_back, 0);
  gate_.Open();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted, 219));
}

TEST_F(PoolCancelTest, ThePoolLearnsOfItWithItsNextHeartbeatToo) {
  const JobId id = store_.AddTask("obedient");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  store_.Cancel(id, "not wanted");
  ASSERT_TRUE(Eventually([this] {
    clock_.Advance(config_.heartbeat_interval);
    return !events_.OfType(EventType::kJobCancelled).empty();
  }));
}

TEST_F(PoolCancelTest, WhatAHandlerDoesWhenItsTokenFiresHoldsUpNoHeartbeat) {
  tasks_.Add("blocks", [this](TaskContext& context) {
    const std::stop_callback on_stop(context.stop_token(), [this] { gate_.Pass(); });
    gate_.Pass();
    return TaskResult::Fail("asked to stop");
  });
  const JobId id = store_.AddTask("blocks");
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  CancelAndTell(id);
  ASSERT_TRUE(gate_.WaitForArrivals(2));
  const int heartbeats = store_.CountCalls(Call::kHeartbeat);
  clock_.Advance(config_.heartbeat_interval);
  EXPECT_TRUE(store_.WaitForCalls(Call::kHeartbeat, heartbeats + 1));
  gate_.Open();
  EXPECT_TRUE(events_.WaitFor(EventType::kJobCancelled));
}

TEST_F(PoolCancelTest, AHandlerThatIgnoresItIsReportedAsStuck) {
  AddIgnoringTask();
  const JobId id = store_.AddTask("ignores");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  CancelAndTell(id);
  ASSERT_TRUE(asked_.WaitForOpen());
  EXPECT_TRUE(events_.OfType(EventType::kWorkerStuck).empty());
  clock_.Advance(config_.stop_grace);
  EXPECT_TRUE(events_.WaitFor(EventType::kWorkerStuck));
  EXPECT_EQ(pool_->Stats().stuck, 1);
  gate_.Open();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
}

TEST_F(PoolCancelTest, WhatAnOperatorHasFailedForGoodIsExhaustedAndCountsAsFailed) {
  const JobId id = store_.AddTask("fail");
  store_.AnswerWith(id, RecordVerdict::kFailedForGood, 1);
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobExhausted));
  EXPECT_TRUE(events_.OfType(EventType::kJobFailed).empty());
  EXPECT_EQ(pool_->Stats().failed, 1);
}

}  // namespace
}  // namespace millrace
