#include "server/model/job_progress.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

std::string Fault(const JobProgress& progress) {
  return std::string(ValidateProgress(progress).message());
}

TEST(JobProgressTest, ZeroToAHundredPercentIsGood) {
  for (const double percent : {0.0, 0.001, 50.0, 100.0}) {
    EXPECT_EQ(ValidateProgress({.percent = percent}), absl::OkStatus());
  }
}

TEST(JobProgressTest, AnyOtherPercentageIsRefused) {
  EXPECT_EQ(Fault({.percent = -0.5}), "percent: must be 0 to 100, got -0.5");
  EXPECT_EQ(Fault({.percent = 101}), "percent: must be 0 to 100, got 101");
  for (const double percent :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(Fault({.percent = percent}), HasSubstr("percent: must be 0 to 100"));
  }
}

TEST(JobProgressTest, CountersHaveLimits) {
  EXPECT_EQ(ValidateProgress({.counters = {{std::string(64, 'x'), -1}}}), absl::OkStatus());
  EXPECT_EQ(Fault({.counters = {{"", 1}}}), "counters: must not be empty");
  EXPECT_EQ(Fault({.counters = {{"a\nb", 1}}}), "counters: must be printable UTF-8");
  EXPECT_EQ(Fault({.counters = {{std::string(65, 'x'), 1}}}),
            "counters: a name has at most 64 bytes, got 65");
  JobProgress many;
  for (int i = 0; i < 33; ++i) many.counters[std::to_string(i)] = i;
  EXPECT_EQ(Fault(many), "counters: at most 32, got 33");
}

}  // namespace
}  // namespace millrace
