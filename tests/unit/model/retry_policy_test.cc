#include "server/model/retry_policy.h"

#include <limits>

#include "absl/random/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

RetryPolicy WithoutJitter() {
  RetryPolicy policy;
  policy.jitter = 0;
  return policy;
}

absl::Duration DelayAfter(const RetryPolicy& policy, int attempt) {
  absl::BitGen random;
  return policy.DelayAfter(attempt, random);
}

TEST(RetryPolicyTest, DelayGrowsByTheMultiplier) {
  EXPECT_EQ(DelayAfter(WithoutJitter(), 1), absl::Seconds(2));
  EXPECT_EQ(DelayAfter(WithoutJitter(), 2), absl::Seconds(4));
  EXPECT_EQ(DelayAfter(WithoutJitter(), 10), absl::Seconds(1024));
}

TEST(RetryPolicyTest, DelayIsHeldAtTheMaximumForAnyAttempt) {
  EXPECT_EQ(DelayAfter(WithoutJitter(), 25), absl::Hours(24));
  EXPECT_EQ(DelayAfter(WithoutJitter(), std::numeric_limits<int>::max()), absl::Hours(24));
}

TEST(RetryPolicyTest, MultiplierOfOneKeepsTheBase) {
  RetryPolicy policy = WithoutJitter();
  policy.base = absl::Minutes(3);
  policy.multiplier = 1;
  EXPECT_EQ(DelayAfter(policy, 20), absl::Minutes(3));
}

TEST(RetryPolicyTest, JitterOnlyAddsAndNoMoreThanItsShare) {
  const RetryPolicy policy;
  bool varied = false;
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration delay = DelayAfter(policy, 3);
    ASSERT_GE(delay, absl::Seconds(8));
    ASSERT_LE(delay, absl::Seconds(8.8));
    varied = varied || delay > absl::Seconds(8.4);
  }
  EXPECT_TRUE(varied);
}

TEST(RetryPolicyTest, TwentyFiveAttemptsSpanMoreThanAWeek) {
  absl::Duration total;
  for (int attempt = 1; attempt < 25; ++attempt) total += DelayAfter(WithoutJitter(), attempt);
  EXPECT_GT(total, absl::Hours(24 * 7));
}

TEST(RetryPolicyTest, EveryFaultIsNamed) {
  RetryPolicy policy;
  policy.base = absl::ZeroDuration();
  policy.maximum = -absl::Seconds(1);
  policy.multiplier = std::numeric_limits<double>::quiet_NaN();
  policy.jitter = 1.5;
  const std::string message(policy.Validate().message());
  for (const char* named :
       {"retry-base-ms: must be positive", "retry-maximum-ms: must not be below",
        "retry-multiplier", "retry-jitter"}) {
    EXPECT_THAT(message, HasSubstr(named));
  }
  EXPECT_EQ(RetryPolicy().Validate(), absl::OkStatus());
}

}  // namespace
}  // namespace millrace
