#include "tasks/deliver_webhook/retry_after.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

// Sun, 06 Nov 1994 08:49:37 GMT.
const absl::Time kNow = absl::FromUnixSeconds(784111777);

TEST(RetryAfterTest, SecondsAreCountedFromNow) {
  EXPECT_EQ(ParseRetryAfter("120", kNow), absl::Seconds(120));
  EXPECT_EQ(ParseRetryAfter(" 0 ", kNow), absl::ZeroDuration());
}

TEST(RetryAfterTest, DatesOfAllThreeFormsAreCountedFromNow) {
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:50:37 GMT", kNow), absl::Seconds(60));
  EXPECT_EQ(ParseRetryAfter("Sunday, 06-Nov-94 08:50:37 GMT", kNow), absl::Seconds(60));
  EXPECT_EQ(ParseRetryAfter("Sun Nov  6 08:50:37 1994", kNow), absl::Seconds(60));
}

TEST(RetryAfterTest, DateThatHasPassedIsNow) {
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:00:00 GMT", kNow), absl::ZeroDuration());
}

TEST(RetryAfterTest, SecondsBeyondAllBoundsAreForEver) {
  EXPECT_EQ(ParseRetryAfter("99999999999999999999", kNow), absl::InfiniteDuration());
}

TEST(RetryAfterTest, AnythingElseAsksForNothing) {
  for (const char* value : {"", "soon", "-5", "1.5", "12 hours"}) {
    EXPECT_FALSE(ParseRetryAfter(value, kNow).has_value()) << value;
  }
}

}  // namespace
}  // namespace millrace
