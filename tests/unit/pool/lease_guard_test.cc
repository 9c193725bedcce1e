#include "server/pool/lease_guard.h"

#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/metrics/null_metrics_registry.h"
#include "tests/support/fake_clock.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

// A lease of 15 s that runs from the beginning, and one handler.
class LeaseGuardTest : public ::testing::Test {
 protected:
  LeaseGuardTest() {
    job_.job.id = 7;
    job_.job.task_identifier = "task";
    slots_.slot(0).Begin(job_, clock_.Monotonic(), absl::InfiniteDuration());
    lease_.Renew(1, absl::ZeroDuration(), absl::Seconds(15));
  }

  LeaseGuard Guard(OnLostLease on_lost_lease) {
    return {on_lost_lease, lease_, slots_, [this](const std::string& why) { left_ = why; }};
  }
  bool IsAsked() { return slots_.slot(0).stop_reason() == StopReason::kPoolStops; }

  FakeClock clock_;
  NullMetricsRegistry metrics_;
  EventEmitter events_{"worker-id", clock_, metrics_, {}};
  StopNotifier notifier_;
  WorkerSlots slots_{1, absl::Seconds(5), clock_, notifier_, events_};
  LeaseState lease_;
  ClaimedJob job_;
  std::optional<std::string> left_;
};

TEST_F(LeaseGuardTest, HandlersAreAskedToStopAtTwoThirdsOfTheLeaseAndNotBefore) {
  LeaseGuard guard = Guard(OnLostLease::kInterrupt);
  EXPECT_EQ(guard.Check(absl::Seconds(10) - absl::Nanoseconds(1)), absl::Seconds(10));
  EXPECT_FALSE(IsAsked());
  EXPECT_EQ(guard.Check(absl::Seconds(10)), absl::InfiniteDuration());
  EXPECT_TRUE(IsAsked());
  guard.Check(absl::Hours(1));
  EXPECT_FALSE(left_.has_value());
}

TEST_F(LeaseGuardTest, ARenewalBeginsTheTimeAnew) {
  LeaseGuard guard = Guard(OnLostLease::kInterrupt);
  lease_.Renew(1, absl::Seconds(3), absl::Seconds(15));
  EXPECT_EQ(guard.Check(absl::Seconds(10)), absl::Seconds(13));
  EXPECT_FALSE(IsAsked());
}

TEST_F(LeaseGuardTest, HandlersGoOnIfThePoolWasToldSo) {
  LeaseGuard guard = Guard(OnLostLease::kContinue);
  guard.Check(absl::Hours(1));
  guard.OnEnded();
  EXPECT_FALSE(IsAsked());
  EXPECT_FALSE(left_.has_value());
}

TEST_F(LeaseGuardTest, TheProcessIsLeftAtTheEndOfTheLeaseIfAHandlerStillRuns) {
  LeaseGuard guard = Guard(OnLostLease::kExit);
  EXPECT_EQ(guard.Check(absl::Seconds(10)), absl::Seconds(15));
  EXPECT_TRUE(IsAsked());
  EXPECT_EQ(guard.Check(absl::Seconds(15) - absl::Nanoseconds(1)), absl::Seconds(15));
  EXPECT_FALSE(left_.has_value());
  guard.Check(absl::Seconds(15));
  ASSERT_TRUE(left_.has_value());
  EXPECT_THAT(*left_, HasSubstr("1 handlers still run, such as task of job 7"));
}

TEST_F(LeaseGuardTest, TheProcessStaysIfEveryHandlerHasEndedByThen) {
  LeaseGuard guard = Guard(OnLostLease::kExit);
  guard.Check(absl::Seconds(10));
  slots_.slot(0).End();
  EXPECT_EQ(guard.Check(absl::Seconds(15)), absl::InfiniteDuration());
  guard.OnEnded();
  EXPECT_FALSE(left_.has_value());
}

TEST_F(LeaseGuardTest, HandlersAreAskedToStopWhenOthersHaveEndedTheLease) {
  Guard(OnLostLease::kInterrupt).OnEnded();
  EXPECT_TRUE(IsAsked());
  EXPECT_FALSE(left_.has_value());
}

TEST_F(LeaseGuardTest, TheProcessIsLeftWhenOthersHaveEndedTheLeaseWhileAHandlerRuns) {
  Guard(OnLostLease::kExit).OnEnded();
  EXPECT_TRUE(left_.has_value());
}

}  // namespace
}  // namespace millrace
