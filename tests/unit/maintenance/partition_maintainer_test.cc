#include "server/maintenance/partition_maintainer.h"

#include "gtest/gtest.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_clock.h"

namespace millrace {
namespace {

// Counts the calls; fails the first `failures` of them.
class FakeMaintenanceStore final : public MaintenanceStore {
 public:
  explicit FakeMaintenanceStore(int failures) : failures_(failures) {}

  absl::Status EnsurePartitions() override {
    MutexLock lock(mutex_);
    ++calls_;
    changed_.NotifyAll();
    return calls_ <= failures_ ? absl::UnavailableError("away") : absl::OkStatus();
  }
  // Whether there were so many calls within a minute of real time.
  bool WaitForCalls(int calls) {
    MutexLock lock(mutex_);
    return SystemClock().WaitFor(mutex_, changed_, absl::Minutes(1), [&] {
      mutex_.AssertHeld();
      return calls_ >= calls;
    });
  }

 private:
  const int failures_;
  Mutex mutex_;
  CondVar changed_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST(PartitionMaintainerTest, PartitionsAreMadeAtOnceAndAgainAfterTheInterval) {
  FakeClock clock;
  FakeMaintenanceStore store(0);
  PartitionMaintainer maintainer(store, clock, {.interval = absl::Hours(6)});
  ASSERT_TRUE(maintainer.Start().ok());
  ASSERT_TRUE(store.WaitForCalls(1));
  ASSERT_TRUE(Eventually([&] { return clock.waiters() == 1; }));
  clock.Advance(absl::Hours(6));
  EXPECT_TRUE(store.WaitForCalls(2));
}

TEST(PartitionMaintainerTest, AFailureIsTriedAgainSoon) {
  FakeClock clock;
  FakeMaintenanceStore store(1);
  PartitionMaintainer maintainer(store, clock,
                                 {.interval = absl::Hours(6), .retry_pause = absl::Minutes(1)});
  ASSERT_TRUE(maintainer.Start().ok());
  ASSERT_TRUE(store.WaitForCalls(1));
  ASSERT_TRUE(Eventually([&] { return clock.waiters() == 1; }));
  clock.Advance(absl::Minutes(1));
  EXPECT_TRUE(store.WaitForCalls(2));
}

TEST(PartitionMaintainerTest, ItCannotBeStartedTwiceOrAfterItsStop) {
  FakeClock clock;
  FakeMaintenanceStore store(0);
  PartitionMaintainer maintainer(store, clock, {});
  ASSERT_TRUE(maintainer.Start().ok());
  EXPECT_EQ(maintainer.Start().code(), absl::StatusCode::kFailedPrecondition);
  maintainer.RequestStop();
  maintainer.Join();
  EXPECT_EQ(maintainer.Start().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace millrace
