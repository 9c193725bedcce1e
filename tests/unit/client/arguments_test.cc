#include "client/cli/arguments.h"

#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace millrace::cli {
namespace {

using testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'720'000'000);

TEST(ParseDurationTest, ReadsUnitsAndPlainSeconds) {
  EXPECT_EQ(*ParseDuration("1m30s"), absl::Seconds(90));
  EXPECT_EQ(*ParseDuration("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseDuration("7d"), absl::Hours(168));
  EXPECT_EQ(*ParseDuration("1.5"), absl::Seconds(1.5));
  EXPECT_EQ(*ParseDuration("0"), absl::ZeroDuration());
}

TEST(ParseDurationTest, RefusesWhatIsNoDurationAndSaysHowToWriteOne) {
  for (const char* const text : {"", "soon", "10x", "d", "1m30"}) {
    const absl::Status status = ParseDuration(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("30s")) << text;
  }
}

TEST(ParseDurationTest, RefusesNegativeAndInfiniteOnes) {
  for (const char* const text : {"-1s", "-1", "inf", "1e999", "nan"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseDuration(text).status())) << text;
  }
}

TEST(ParseTimeTest, ReadsRfc3339InAnyZone) {
  EXPECT_EQ(*ParseTime("2024-07-03T09:46:40Z", kNow), kNow);
  EXPECT_EQ(*ParseTime("2024-07-03T11:46:40.5+02:00", kNow), kNow + absl::Milliseconds(500));
}

TEST(ParseTimeTest, CountsFromNowAfterAPlus) {
  EXPECT_EQ(*ParseTime("+10m", kNow), kNow + absl::Minutes(10));
}

TEST(ParseTimeTest, RefusesTimesWithoutAZoneAndSaysHowToWriteOne) {
  for (const char* const text : {"2024-07-03T09:46:40", "tomorrow", "", "infinite-future", "10m"}) {
    const absl::Status status = ParseTime(text, kNow).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("2026-03-01T12:00:00Z")) << text;
  }
}

TEST(ReadTextTest, TakesTheTextItself) {
  std::istringstream in("unread");
  EXPECT_EQ(*ReadText("{\"a\": 1}", in, 100), "{\"a\": 1}");
}

TEST(ReadTextTest, ReadsStandardInputForADash) {
  std::istringstream in("{\"a\":\n1}");
  EXPECT_EQ(*ReadText("-", in, 100), "{\"a\":\n1}");
}

TEST(ReadTextTest, NamesTheFileThatCannotBeRead) {
  std::istringstream in;
  const absl::Status status = ReadText("@/nowhere/payload.json", in, 100).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nowhere/payload.json: No such file"));
}

TEST(ReadTextTest, RefusesMoreThanTheLimit) {
  std::istringstream in(std::string(101, 'x'));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadText("-", in, 100).status()));
}

}  // namespace
}  // namespace millrace::cli
