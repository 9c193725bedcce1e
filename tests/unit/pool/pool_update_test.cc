// Changing a pool while it lives: concurrency, tasks and flags.

#include <atomic>
#include <thread>

#include "server/base/named_thread.h"
#include "tests/unit/pool/pool_fixture.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PoolUpdateTest : public PoolFixture {
 protected:
  // Nothing but "stubborn" jobs: one for each worker, and so many more.
  void AddStubborn(int count) {
    for (int i = 0; i < count; ++i) AddAndWake("stubborn");
  }

  bool ActiveBecomes(int active) {
    return Eventually([this, active] { return pool_->Stats().active == active; });
  }
};

TEST_F(PoolUpdateTest, GrowingAddsWorkersAtOnce) {
  AddStubborn(5);
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(2));
  ASSERT_EQ(pool_->Update({.concurrency = 5}), absl::OkStatus());
  EXPECT_TRUE(gate_.WaitForArrivals(5));
  EXPECT_EQ(pool_->Stats().concurrency, 5);
}

TEST_F(PoolUpdateTest, ShrinkingLetsRunningHandlersEnd) {
  config_.concurrency = 4;
  AddStubborn(4);
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(4));
  ASSERT_EQ(pool_->Update({.concurrency = 1}), absl::OkStatus());
  EXPECT_EQ(pool_->Stats().concurrency, 1);
  EXPECT_EQ(pool_->Stats().active, 4);
  gate_.Open();
  ASSERT_TRUE(Eventually([this] { return pool_->Stats().completed == 4; }));
  EXPECT_EQ(pool_->Stats().interrupted, 0);
}

TEST_F(PoolUpdateTest, NoMoreRunTogetherThanAPoolHasShrunkTo) {
  config_.concurrency = 4;
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  tasks_.Add("counted", [&](TaskContext&) {
    const int now = ++running;
    if (now > most) most = now;
    std::this_thread::yield();
    --running;
  });
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  ASSERT_EQ(pool_->Update({.concurrency = 1}), absl::OkStatus());
  for (int i = 0; i < 100; ++i) store_.AddTask("counted");
  pool_->Wake();
  ASSERT_TRUE(Eventually([this] { return pool_->Stats().completed == 100; }));
  EXPECT_EQ(most, 1);
}

TEST_F(PoolUpdateTest, PoolThatShrankGrowsAgainWhileTheOldHandlersStillRun) {
  config_.concurrency = 3;
  AddStubborn(8);
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(3));
  ASSERT_EQ(pool_->Update({.concurrency = 1}), absl::OkStatus());
  ASSERT_EQ(pool_->Update({.concurrency = 5}), absl::OkStatus());
  ASSERT_TRUE(gate_.WaitForArrivals(5));
  EXPECT_EQ(pool_->Stats().active, 5);
  gate_.Open();
  ASSERT_TRUE(Eventually([this] { return pool_->Stats().completed == 8; }));
}

TEST_F(PoolUpdateTest, ManyChangesInARowLeaveTheLastOneAndAStopEndsAllWorkers) {
  StartPool();
  for (int round = 0; round < 20; ++round) {
    ASSERT_EQ(pool_->Update({.concurrency = 1 + (round * 37) % 60}), absl::OkStatus());
  }
  ASSERT_EQ(pool_->Update({.concurrency = PoolConfig::kMaxConcurrency}), absl::OkStatus());
  ASSERT_EQ(pool_->Update({.concurrency = 1}), absl::OkStatus());
  ASSERT_EQ(pool_->Update({.concurrency = PoolConfig::kMaxConcurrency}), absl::OkStatus());
  ASSERT_EQ(pool_->Update({.concurrency = 3}), absl::OkStatus());
  AddStubborn(4);
  ASSERT_TRUE(ActiveBecomes(3));
  gate_.Open();
  ASSERT_TRUE(Eventually([this] { return pool_->Stats().completed == 4; }));
  const absl::StatusOr<StopReport> report = pool_->Stop(std::nullopt);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->still_running, 0);
}

TEST_F(PoolUpdateTest, ChangesWhileThePoolStartsAndStopsDoNoHarm) {
  MakePool();
  std::atomic<bool> done = false;
  std::thread changer = StartNamedThread("changer", [&] {
    for (int i = 0; !done; ++i) {
      EXPECT_EQ(pool_->Update({.concurrency = 1 + i % 7}), absl::OkStatus());
    }
  });
  for (int i = 0; i < 30; ++i) {
    ASSERT_EQ(pool_->Start(), absl::OkStatus());
    ASSERT_TRUE(pool_->Stop(std::nullopt).ok());
  }
  done = true;
  changer.join();
}

TEST_F(PoolUpdateTest, StopThatLingersReportsTheHandlersOfAPoolThatHasShrunk) {
  config_.concurrency = 3;
  AddStubborn(3);
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(3));
  ASSERT_EQ(pool_->Update({.concurrency = 1}), absl::OkStatus());
  const absl::StatusOr<int> asked = pool_->ForceStop();
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_EQ(*asked, 3);
}

TEST_F(PoolUpdateTest, ClaimsAreMadeUnderTheNewListsFromThenOn) {
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  ASSERT_EQ(pool_->Update({.task_identifiers = {{"fail"}}, .forbidden_flags = {{"slow"}}}),
            absl::OkStatus());
  // A change looks for jobs at once.
  ASSERT_TRUE(store_.WaitUntil([this] {
    const std::vector<ClaimRequest> claims = store_.Claims();
    return claims.back().task_identifiers == std::vector<std::string>{"fail"};
  }));
  EXPECT_THAT(store_.Claims().back().forbidden_flags, ElementsAre("slow"));
  EXPECT_THAT(pool_->Stats().task_identifiers, ElementsAre("fail"));
  EXPECT_THAT(pool_->Stats().forbidden_flags, ElementsAre("slow"));
}

TEST_F(PoolUpdateTest, EmptyAllowListMeansEveryRegisteredTask) {
  config_.task_identifiers = {"fail"};
  const JobId id = store_.AddTask("ok");
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  EXPECT_EQ(store_.Look(id).state, JobState::kReady);
  ASSERT_EQ(pool_->Update({.task_identifiers = std::vector<std::string>()}), absl::OkStatus());
  EXPECT_TRUE(store_.WaitForState(id, JobState::kCompleted));
  EXPECT_THAT(pool_->Stats().task_identifiers, IsEmpty());
}

TEST_F(PoolUpdateTest, WhatIsBufferedAndNoLongerAllowedIsGivenBackUncounted) {
  FillLocalQueue();
  const int64_t buffered = pool_->Stats().buffered;
  ASSERT_EQ(pool_->Update({.task_identifiers = {{"ok"}}}), absl::OkStatus());
  ASSERT_TRUE(store_.WaitForState(buffered_, JobState::kReady));
  EXPECT_EQ(store_.Look(buffered_).job.attempt, 0);
  ASSERT_TRUE(Eventually([&] { return pool_->Stats().given_back == buffered; }));
  EXPECT_EQ(pool_->Stats().buffered, 0);
  // The two that run are left alone.
  EXPECT_EQ(pool_->Stats().active, 2);
}

TEST_F(PoolUpdateTest, ClaimThatWasOnItsWayUnderTheOldListsIsGivenBack) {
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  store_.OnClaim([this] {
    // Answered by the database, and not yet known to the pool.
    EXPECT_EQ(pool_->Update({.forbidden_flags = {{"heavy"}}}), absl::OkStatus());
  });
  Job job;
  job.task_identifier = "stubborn";
  job.flags = {"heavy"};
  const JobId id = store_.Add(job);
  pool_->Wake();
  ASSERT_TRUE(store_.WaitForCalls(Call::kGiveBack, 1));
  ASSERT_TRUE(store_.WaitForState(id, JobState::kReady));
  EXPECT_EQ(store_.Look(id).job.attempt, 0);
  EXPECT_EQ(gate_.arrived(), 0);
}

TEST_F(PoolUpdateTest, StoppedPoolTakesTheChangeWithItsNextStart) {
  MakePool();
  ASSERT_EQ(pool_->Update({.concurrency = 3}), absl::OkStatus());
  EXPECT_EQ(pool_->Stats().concurrency, 3);
  EXPECT_FALSE(pool_->running());
  AddStubborn(4);
  StartPool();
  EXPECT_TRUE(gate_.WaitForArrivals(3));
  EXPECT_EQ(pool_->Stats().active, 3);
}

TEST_F(PoolUpdateTest, EveryBadFieldIsNamedAndNothingChanges) {
  StartPool();
  const absl::Status status = pool_->Update({.concurrency = 0,
                                             .task_identifiers = {{"ok", "nobody knows me", ""}},
                                             .forbidden_flags = {{"fine", "bad\n"}}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::string message(status.message());
  EXPECT_THAT(message, HasSubstr("concurrency: must be 1 to 1024, got 0"));
  EXPECT_THAT(message, HasSubstr("task_identifiers.names[1]: no handler is registered for"));
  EXPECT_THAT(message, HasSubstr("task_identifiers.names[2]: "));
  EXPECT_THAT(message, HasSubstr("forbidden_flags.names[1]: "));
  EXPECT_EQ(pool_->Stats().concurrency, 2);
  EXPECT_THAT(pool_->Stats().task_identifiers, IsEmpty());
  EXPECT_THAT(pool_->Stats().forbidden_flags, IsEmpty());
}

TEST_F(PoolUpdateTest, ListsHaveALimit) {
  MakePool();
  const absl::Status status =
      pool_->Update({.forbidden_flags = std::vector<std::string>(1001, "flag")});
  EXPECT_EQ(status,
            absl::InvalidArgumentError("forbidden_flags.names: must be at most 1000, got 1001"));
}

}  // namespace
}  // namespace millrace
