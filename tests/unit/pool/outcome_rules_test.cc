#include "server/pool/outcome_rules.h"

#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/model/outcome_limits.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ClaimedJob Claimed(int attempt = 1, int max_attempts = 25) {
  ClaimedJob claimed;
  claimed.claim_id = 5;
  claimed.job.id = 9;
  claimed.job.attempt = attempt;
  claimed.job.max_attempts = max_attempts;
  claimed.plain = true;
  return claimed;
}

AttemptCourse Asked(StopReason reason) {
  AttemptCourse course;
  course.asked = reason;
  course.time_limit = absl::Seconds(3);
  return course;
}

TEST(OutcomeRulesTest, ReportNamesTheClaim) {
  const AttemptReport report = OutcomeRules().Report(Claimed(3), TaskResult::Success(), {});
  EXPECT_EQ(report.claim_id, 5);
  EXPECT_EQ(report.job_id, 9);
  EXPECT_EQ(report.attempt, 3);
  EXPECT_TRUE(report.plain);
}

TEST(OutcomeRulesTest, HostileTextOfAnErrorIsCleaned) {
  const AttemptReport report = OutcomeRules().Report(
      Claimed(), TaskResult::Fail(std::string("a\0b\xFF", 4), std::string(100'000, 'x')), {});
  EXPECT_EQ(report.error_message,
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
  EXPECT_EQ(report.error_detail.size(), OutcomeLimits::kDetailBytes);
}

TEST(OutcomeRulesTest, ResultThatIsTooLongFailsTheAttempt) {
  const std::string long_text = "\"" + std::string(OutcomeLimits::kResultBytes, 'x') + "\"";
  const AttemptReport report = OutcomeRules().Report(Claimed(), TaskResult::Success(long_text), {});
  EXPECT_EQ(report.outcome, AttemptOutcome::kFailed);
  EXPECT_TRUE(report.result.empty());
  EXPECT_THAT(report.error_message, HasSubstr("at most"));
}

TEST(OutcomeRulesTest, PartialResultsThatAreNoObjectFailTheAttempt) {
  const AttemptReport report =
      OutcomeRules().Report(Claimed(), TaskResult::PartiallyDone({{}, {}, "", "[1]"}), {});
  EXPECT_EQ(report.outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(report.partial_success, std::nullopt);
  EXPECT_THAT(report.error_message, HasSubstr("results: must be a JSON object"));
}

TEST(OutcomeRulesTest, DelaysOfHandlersAreHeldWithinBounds) {
  const auto delay_of = [](TaskResult result) {
    return OutcomeRules().Report(Claimed(), std::move(result), {}).delay;
  };
  EXPECT_EQ(delay_of(TaskResult::Snooze(-absl::Hours(1))), absl::ZeroDuration());
  EXPECT_EQ(delay_of(TaskResult::Snooze(absl::InfiniteDuration())), absl::Hours(24 * 365));
  EXPECT_EQ(delay_of(TaskResult::Retry("no", -absl::InfiniteDuration())), absl::ZeroDuration());
}

TEST(OutcomeRulesTest, FailureOfAHandlerThatWasAskedToStopIsAnInterruption) {
  const AttemptReport report =
      OutcomeRules().Report(Claimed(25, 25), TaskResult::Fail("no"), Asked(StopReason::kPoolStops));
  EXPECT_EQ(report.outcome, AttemptOutcome::kInterrupted);
  EXPECT_FALSE(report.exhausted);
}

TEST(OutcomeRulesTest, PartialSuccessOfAHandlerThatWasAskedToStopCounts) {
  const AttemptReport report = OutcomeRules().Report(
      Claimed(), TaskResult::PartiallyDone({{"a"}, {}, "", ""}), Asked(StopReason::kPoolStops));
  EXPECT_EQ(report.outcome, AttemptOutcome::kPartialSuccess);
}

TEST(OutcomeRulesTest, StoppingPoolDoesNotSpendTheLastAttemptOfAJobThatGotOn) {
  const AttemptReport report =
      OutcomeRules().Report(Claimed(25, 25), TaskResult::PartiallyDone({{"a"}, {}, "", ""}),
                            Asked(StopReason::kPoolStops));
  EXPECT_EQ(report.outcome, AttemptOutcome::kInterrupted);
  EXPECT_FALSE(report.exhausted);
  // What it got on with is not lost.
  ASSERT_TRUE(report.partial_success.has_value());
  EXPECT_THAT(report.partial_success->completed_steps, ElementsAre("a"));
}

TEST(OutcomeRulesTest, NamesOfStepsAreBoundedTogether) {
  const std::vector<std::string> half(512, std::string(1024, 's'));
  std::vector<std::string> more = half;
  more.emplace_back("s");
  const AttemptReport kept =
      OutcomeRules().Report(Claimed(), TaskResult::PartiallyDone({half, half, "", "{}"}), {});
  EXPECT_EQ(kept.outcome, AttemptOutcome::kPartialSuccess);
  const AttemptReport failed =
      OutcomeRules().Report(Claimed(), TaskResult::PartiallyDone({half, more, "", "{}"}), {});
  EXPECT_EQ(failed.outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(
      failed.error_message,
      "the handler's result cannot be kept: steps: at most 1048576 bytes in all, got 1048577");
}

TEST(OutcomeRulesTest, SnoozeAfterTheTimeLimitIsATimeout) {
  const AttemptReport report = OutcomeRules().Report(Claimed(), TaskResult::Snooze(absl::Hours(1)),
                                                     Asked(StopReason::kTimeout));
  EXPECT_EQ(report.outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(report.error_message, "timed out after 3000 ms");
  EXPECT_LT(report.delay, absl::Seconds(3));
}

TEST(OutcomeRulesTest, CancelKeepsItsReasonAndItsDetail) {
  const AttemptReport report = OutcomeRules().Report(
      Claimed(), TaskResult::Cancel("refused", "the answer"), Asked(StopReason::kNone));
  EXPECT_EQ(report.outcome, AttemptOutcome::kCancelled);
  EXPECT_EQ(report.error_message, "refused");
  EXPECT_EQ(report.error_detail, "the answer");
}

TEST(OutcomeRulesTest, CancelAfterTheTimeLimitIsStillACancel) {
  const AttemptReport report =
      OutcomeRules().Report(Claimed(), TaskResult::Cancel("gone"), Asked(StopReason::kTimeout));
  EXPECT_EQ(report.outcome, AttemptOutcome::kCancelled);
}

TEST(OutcomeRulesTest, TimeoutOnTheLastAttemptExhausts) {
  const AttemptReport report =
      OutcomeRules().Report(Claimed(25, 25), TaskResult::Fail("late"), Asked(StopReason::kTimeout));
  EXPECT_TRUE(report.exhausted);
  EXPECT_EQ(report.error_detail, "the handler: late");
}

TEST(OutcomeRulesTest, NoHandlerExhaustsWhateverAttemptsAreLeft) {
  const AttemptReport report = OutcomeRules::ReportNoHandler(Claimed(), absl::Seconds(1));
  EXPECT_EQ(report.outcome, AttemptOutcome::kFailed);
  EXPECT_TRUE(report.exhausted);
  EXPECT_EQ(report.queue_time, absl::Seconds(1));
}

}  // namespace
}  // namespace millrace
