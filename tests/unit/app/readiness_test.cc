#include "server/app/readiness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <utility>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/fake_clock.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;
using testing::Pair;

class ReadinessTest : public testing::Test {
 protected:
  ReadinessTest()
      : readiness_(Readiness::Sources{[this] { return Ping(); }, [this] { return Stats(); },
                                      [this](bool ready, bool serves) {
                                        MutexLock lock(mutex_);
                                        changes_.emplace_back(ready, serves);
                                      }},
                   clock_, Readiness::Options{}) {}
  // The thread uses what is declared below.
  void TearDown() override {
    readiness_.RequestStop();
    readiness_.Join();
  }

  absl::Status Ping() {
    MutexLock lock(mutex_);
    ++pings_;
    return answer_;
  }
  PoolStats Stats() {
    MutexLock lock(mutex_);
    return stats_;
  }
  void SetAnswer(absl::Status answer) {
    MutexLock lock(mutex_);
    answer_ = std::move(answer);
  }
  void SetStats(const PoolStats& stats) {
    MutexLock lock(mutex_);
    stats_ = stats;
  }
  PoolStats Running() {
    PoolStats stats;
    stats.running = true;
    stats.running_since = clock_.Now();
    stats.last_claim_tick = clock_.Now();
    return stats;
  }
  std::vector<std::pair<bool, bool>> changes() {
    MutexLock lock(mutex_);
    return changes_;
  }
  int pings() {
    MutexLock lock(mutex_);
    return pings_;
  }
  // Lets the thread look once more.
  void LookAgain() {
    const int before = pings();
    ASSERT_TRUE(Eventually([this] { return clock_.waiters() > 0; }));
    clock_.Advance(absl::Seconds(1));
    ASSERT_TRUE(Eventually([&] { return pings() > before; }));
    ASSERT_TRUE(Eventually([this] { return clock_.waiters() > 0; }));
  }

  FakeClock clock_;
  Mutex mutex_;
  absl::Status answer_ ABSL_GUARDED_BY(mutex_);
  PoolStats stats_ ABSL_GUARDED_BY(mutex_);
  int pings_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::pair<bool, bool>> changes_ ABSL_GUARDED_BY(mutex_);
  Readiness readiness_;
};

TEST_F(ReadinessTest, IsNotReadyBeforeItsFirstLook) {
  EXPECT_THAT(readiness_.Fault(), Optional(HasSubstr("not asked yet")));
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(ReadinessTest, IsReadyOnceTheDatabaseAnswersAndThePoolRuns) {
  SetStats(Running());
  ASSERT_TRUE(readiness_.Start().ok());
  EXPECT_EQ(readiness_.Fault(), std::nullopt);
  EXPECT_THAT(changes(), ElementsAre(Pair(true, true)));
}

TEST_F(ReadinessTest, APoolStoppedOnPurposeLeavesTheServerReady) {
  ASSERT_TRUE(readiness_.Start().ok());
  EXPECT_EQ(readiness_.Fault(), std::nullopt);
  EXPECT_THAT(changes(), ElementsAre(Pair(true, false)));
}

TEST_F(ReadinessTest, APoolThatStopsDoesNotServeButTheServerIsReady) {
  PoolStats stopping = Running();
  stopping.stopping = true;
  SetStats(stopping);
  ASSERT_TRUE(readiness_.Start().ok());
  EXPECT_THAT(changes(), ElementsAre(Pair(true, false)));
}

TEST_F(ReadinessTest, TheLossAndTheReturnOfTheDatabaseAreTold) {
  ASSERT_TRUE(readiness_.Start().ok());
  SetAnswer(absl::UnavailableError("gone"));
  LookAgain();
  EXPECT_THAT(readiness_.Fault(), Optional(HasSubstr("gone")));
  SetAnswer(absl::OkStatus());
  LookAgain();
  EXPECT_EQ(readiness_.Fault(), std::nullopt);
  EXPECT_THAT(changes(), ElementsAre(Pair(true, false), Pair(false, false), Pair(true, false)));
}

TEST_F(ReadinessTest, AnOldAnswerDoesNotCount) {
  ASSERT_TRUE(readiness_.Start().ok());
  readiness_.RequestStop();
  readiness_.Join();
  clock_.Advance(absl::Seconds(11));
  EXPECT_THAT(readiness_.Fault(), Optional(HasSubstr("has not answered for 11s")));
}

TEST_F(ReadinessTest, APoolWhoseClaimsAreNotAnsweredMakesTheServerUnready) {
  SetStats(Running());
  ASSERT_TRUE(readiness_.Start().ok());
  for (int second = 0; second < 13; ++second) LookAgain();
  EXPECT_THAT(readiness_.Fault(), Optional(HasSubstr("not got through to claim")));
  EXPECT_THAT(changes(), ElementsAre(Pair(true, true), Pair(false, false)));
}

TEST_F(ReadinessTest, APoolThatHasNotClaimedYetIsNotReadyUntilItHas) {
  PoolStats stats = Running();
  stats.last_claim_tick.reset();
  SetStats(stats);
  ASSERT_TRUE(readiness_.Start().ok());
  EXPECT_THAT(readiness_.Fault(), Optional(HasSubstr("not claimed jobs yet")));
  EXPECT_THAT(changes(), ElementsAre(Pair(false, false)));
  ASSERT_TRUE(Eventually([this] { return clock_.waiters() > 0; }));
  SetStats(Running());
  // Long before it is time to ask the database again.
  clock_.Advance(absl::Milliseconds(50));
  ASSERT_TRUE(Eventually([this] { return changes().size() == 2; }));
  EXPECT_THAT(changes(), ElementsAre(Pair(false, false), Pair(true, true)));
  EXPECT_EQ(pings(), 1);
}

TEST_F(ReadinessTest, AServerThatStopsIsNotReadyAtOnceAndForGood) {
  ASSERT_TRUE(readiness_.Start().ok());
  readiness_.SetStopping();
  EXPECT_THAT(changes(), ElementsAre(Pair(true, false), Pair(false, false)));
  LookAgain();
  EXPECT_THAT(readiness_.Fault(), Optional(HasSubstr("stopping")));
}

TEST_F(ReadinessTest, AStopBeforeTheStartMakesItFail) {
  readiness_.RequestStop();
  EXPECT_EQ(readiness_.Start().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace millrace
