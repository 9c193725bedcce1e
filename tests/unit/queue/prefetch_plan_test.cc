#include "server/queue/prefetch_plan.h"

#include "gtest/gtest.h"

namespace millrace {
namespace {

constexpr absl::Duration kClaimTakes = absl::Milliseconds(4);

TEST(PrefetchTargetTest, FreeWorkersAreServedEvenBeyondTheCapacity) {
  EXPECT_EQ(PrefetchTarget(10, 5, 50), 15);
  EXPECT_EQ(PrefetchTarget(10, 100, 50), 50);
  EXPECT_EQ(PrefetchTarget(10, 5, 0), 10);
  EXPECT_EQ(PrefetchTarget(0, 0, 50), 0);
}

TEST(PrefetchPlanTest, StartsWithTheFreeWorkers) {
  const PrefetchPlan plan(50);
  EXPECT_EQ(plan.Wanted(10, 0), 10);
  EXPECT_EQ(plan.Wanted(10, 4), 6);
  EXPECT_EQ(plan.Wanted(0, 0), 0);
}

TEST(PrefetchPlanTest, SlowHandlersAreClaimedForFreeWorkersOnly) {
  PrefetchPlan plan(50);
  // Ten workers whose jobs take a minute: each claim brings one for the worker that came free.
  absl::Duration now;
  for (int claim = 0; claim < 100; ++claim) {
    now += absl::Seconds(6);
    plan.NoteClaim(kClaimTakes, claim, /*ran_dry=*/true, now);
    ASSERT_EQ(plan.Wanted(1, 0), 1);
  }
}

TEST(PrefetchPlanTest, FastHandlersGrowItToTheCapacityWithinFewClaims) {
  PrefetchPlan plan(4096);
  // Handlers that take no time at all: whatever a claim brings is gone when the next comes back.
  absl::Duration now;
  int64_t begun = 0;
  int claims = 0;
  while (plan.Ahead() < 4096) {
    begun += plan.Wanted(10, 0);
    now += kClaimTakes;
    plan.NoteClaim(kClaimTakes, begun, /*ran_dry=*/true, now);
    ASSERT_LT(++claims, 30);
  }
  EXPECT_EQ(plan.Wanted(10, 0), 4096);
}

TEST(PrefetchPlanTest, SteadyRateIsHeldTwiceForTheTimeOfAClaim) {
  PrefetchPlan plan(1000);
  absl::Duration now;
  for (int64_t second = 0; second <= 30; ++second) {
    plan.NoteClaim(kClaimTakes, second * 10'000, /*ran_dry=*/false, now);
    now += absl::Seconds(1);
  }
  EXPECT_NEAR(plan.Ahead(), 80, 1);
}

TEST(PrefetchPlanTest, PauseLetsItFall) {
  PrefetchPlan plan(1000);
  plan.NoteClaim(kClaimTakes, 0, false, absl::ZeroDuration());
  plan.NoteClaim(kClaimTakes, 100'000, false, absl::Seconds(1));
  EXPECT_GT(plan.Ahead(), 100);
  for (int minute = 1; minute <= 10; ++minute) {
    plan.NoteClaim(kClaimTakes, 100'000 + minute, false, absl::Minutes(minute));
  }
  EXPECT_EQ(plan.Ahead(), 0);
}

TEST(PrefetchPlanTest, NothingIsClaimedAheadAfterThatWasInVain) {
  PrefetchPlan plan(50);
  for (int i = 0; i < 10; ++i) {
    plan.NoteClaim(absl::Milliseconds(5), 100 * i, true, absl::Milliseconds(10 * i));
  }
  ASSERT_GT(plan.Ahead(), 0);
  plan.NoteStale();
  EXPECT_EQ(plan.Ahead(), 0);
  EXPECT_EQ(plan.Wanted(3, 0), 3);
}

}  // namespace
}  // namespace millrace
