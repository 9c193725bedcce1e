#include "server/maintenance/periodic_duty.h"

#include "gtest/gtest.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_clock.h"

namespace millrace {
namespace {

// Counts the calls; fails the first `failures` of them.
class CountedDuty {
 public:
  explicit CountedDuty(int failures) : failures_(failures) {}

  absl::Status Do() {
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

TEST(PeriodicDutyTest, ItIsDoneAtOnceAndAgainAfterTheInterval) {
  FakeClock clock;
  CountedDuty counted(0);
  PeriodicDuty duty([&] { return counted.Do(); }, clock, {"duty", absl::Hours(6)});
  ASSERT_TRUE(duty.Start().ok());
  ASSERT_TRUE(counted.WaitForCalls(1));
  ASSERT_TRUE(Eventually([&] { return clock.waiters() == 1; }));
  clock.Advance(absl::Hours(6));
  EXPECT_TRUE(counted.WaitForCalls(2));
}

TEST(PeriodicDutyTest, AFailureIsTriedAgainSoon) {
  FakeClock clock;
  CountedDuty counted(1);
  PeriodicDuty duty([&] { return counted.Do(); }, clock,
                    {"duty", absl::Hours(6), /*retry_pause=*/absl::Minutes(1)});
  ASSERT_TRUE(duty.Start().ok());
  ASSERT_TRUE(counted.WaitForCalls(1));
  ASSERT_TRUE(Eventually([&] { return clock.waiters() == 1; }));
  clock.Advance(absl::Minutes(1));
  EXPECT_TRUE(counted.WaitForCalls(2));
}

TEST(PeriodicDutyTest, ItCannotBeStartedTwiceOrAfterItsStop) {
  FakeClock clock;
  CountedDuty counted(0);
  PeriodicDuty duty([&] { return counted.Do(); }, clock, {"duty", absl::Hours(6)});
  ASSERT_TRUE(duty.Start().ok());
  EXPECT_EQ(duty.Start().code(), absl::StatusCode::kFailedPrecondition);
  duty.RequestStop();
  duty.Join();
  EXPECT_EQ(duty.Start().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace millrace
