#include "server/pool/lease_observer.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr WorkerNumber kOwn = 1;

absl::Duration At(int seconds) { return absl::Seconds(seconds); }

std::vector<WorkerLease> Leases(int64_t heartbeat) {
  return {{kOwn, "own", 7, absl::Seconds(15)}, {2, "other", heartbeat, absl::Seconds(15)}};
}

TEST(LeaseObserverTest, LeaseSeenUnrenewedForItsTimeHasEnded) {
  LeaseObserver observer;
  EXPECT_THAT(observer.Observe(Leases(1), kOwn, At(0), At(1)), IsEmpty());
  EXPECT_EQ(observer.NextEnd(), At(16));
  EXPECT_THAT(observer.Observe(Leases(1), kOwn, At(15), At(15)), IsEmpty());
  EXPECT_THAT(observer.Observe(Leases(1), kOwn, At(16), At(17)), ElementsAre(2));
}

TEST(LeaseObserverTest, RenewalBeginsTheTimeAnew) {
  LeaseObserver observer;
  observer.Observe(Leases(1), kOwn, At(0), At(0));
  EXPECT_THAT(observer.Observe(Leases(2), kOwn, At(15), At(15)), IsEmpty());
  EXPECT_THAT(observer.Observe(Leases(2), kOwn, At(29), At(29)), IsEmpty());
  EXPECT_THAT(observer.Observe(Leases(2), kOwn, At(30), At(30)), ElementsAre(2));
}

TEST(LeaseObserverTest, OwnLeaseIsNotJudged) {
  LeaseObserver observer;
  observer.Observe(Leases(1), kOwn, At(0), At(0));
  EXPECT_THAT(observer.Observe({Leases(1)[0]}, kOwn, At(100), At(100)), IsEmpty());
  EXPECT_EQ(observer.NextEnd(), absl::InfiniteDuration());
}

TEST(LeaseObserverTest, ForgettingBeginsEveryTimeAnew) {
  LeaseObserver observer;
  observer.Observe(Leases(1), kOwn, At(0), At(0));
  observer.Forget();
  EXPECT_THAT(observer.Observe(Leases(1), kOwn, At(20), At(20)), IsEmpty());
  EXPECT_THAT(observer.Observe(Leases(1), kOwn, At(35), At(35)), ElementsAre(2));
}

TEST(LeaseObserverTest, EndedLeaseIsReturnedForAsLongAsItIsListedButNotWaitedFor) {
  LeaseObserver observer;
  observer.Observe(Leases(1), kOwn, At(0), At(0));
  observer.Observe(Leases(1), kOwn, At(15), At(15));
  EXPECT_EQ(observer.NextEnd(), absl::InfiniteDuration());
  EXPECT_THAT(observer.Observe(Leases(1), kOwn, At(18), At(18)), ElementsAre(2));
}

}  // namespace
}  // namespace millrace
