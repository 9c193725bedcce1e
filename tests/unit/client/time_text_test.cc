#include "client/output/time_text.h"

#include "gtest/gtest.h"

namespace millrace::cli {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'720'000'000);

TEST(TimeWithAgeTest, SaysHowLongAgo) {
  EXPECT_EQ(TimeWithAge(kNow - absl::Seconds(5), kNow), "2024-07-03 09:46:35Z (5s ago)");
  EXPECT_EQ(TimeWithAge(kNow - absl::Minutes(3), kNow), "2024-07-03 09:43:40Z (3m ago)");
  EXPECT_EQ(TimeWithAge(kNow - absl::Hours(47), kNow), "2024-07-01 10:46:40Z (47h ago)");
  EXPECT_EQ(TimeWithAge(kNow - absl::Hours(24 * 9), kNow), "2024-06-24 09:46:40Z (9d ago)");
}

TEST(TimeWithAgeTest, SaysHowLongFromNow) {
  EXPECT_EQ(TimeWithAge(kNow + absl::Hours(2), kNow), "2024-07-03 11:46:40Z (in 2h)");
}

TEST(TimeWithAgeTest, RoundsToTheNearest) {
  EXPECT_EQ(TimeWithAge(kNow + absl::Minutes(119.9), kNow), "2024-07-03 11:46:34Z (in 2h)");
  EXPECT_EQ(TimeWithAge(kNow - absl::Seconds(59.9), kNow), "2024-07-03 09:45:40Z (1m ago)");
}

TEST(DurationTextTest, UsesTheUnitThatReadsWell) {
  EXPECT_EQ(DurationText(absl::ZeroDuration()), "0 s");
  EXPECT_EQ(DurationText(absl::Microseconds(950)), "950 us");
  EXPECT_EQ(DurationText(absl::Milliseconds(12.34)), "12.3 ms");
  EXPECT_EQ(DurationText(absl::Milliseconds(20)), "20 ms");
  EXPECT_EQ(DurationText(absl::Seconds(4.25)), "4.25 s");
  EXPECT_EQ(DurationText(absl::Seconds(185)), "3m 05s");
  EXPECT_EQ(DurationText(absl::Minutes(130)), "2h 10m");
  EXPECT_EQ(DurationText(absl::Hours(123)), "5d 3h");
  EXPECT_EQ(DurationText(-absl::Seconds(2)), "-2 s");
}

TEST(DurationTextTest, NeverRoundsUpToAThousandOfTheSmallerUnit) {
  EXPECT_EQ(DurationText(absl::Nanoseconds(999'999)), "1 ms");
  EXPECT_EQ(DurationText(absl::Nanoseconds(999'999'999)), "1 s");
  EXPECT_EQ(DurationText(absl::Seconds(59.99)), "1m 00s");
}

TEST(Rfc3339Test, KeepsEveryDigitAndNoMore) {
  EXPECT_EQ(Rfc3339(kNow), "2024-07-03T09:46:40Z");
  EXPECT_EQ(Rfc3339(kNow + absl::Microseconds(120)), "2024-07-03T09:46:40.00012Z");
}

TEST(SecondsNumberTest, IsExact) {
  EXPECT_EQ(SecondsNumber(absl::ZeroDuration()), "0");
  EXPECT_EQ(SecondsNumber(absl::Seconds(60)), "60");
  EXPECT_EQ(SecondsNumber(absl::Milliseconds(12.5)), "0.0125");
  EXPECT_EQ(SecondsNumber(absl::Nanoseconds(1'000'000'001)), "1.000000001");
  EXPECT_EQ(SecondsNumber(-absl::Milliseconds(1500)), "-1.5");
}

}  // namespace
}  // namespace millrace::cli
