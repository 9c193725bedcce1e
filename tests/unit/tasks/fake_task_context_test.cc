#include "tasks/testing/fake_task_context.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(FakeTaskContextTest, WaitingMovesTheTime) {
  FakeTaskContext context("t");
  const absl::Time before = context.Now();
  EXPECT_TRUE(context.WaitFor(absl::Seconds(5)));
  EXPECT_EQ(context.Now() - before, absl::Seconds(5));
  ASSERT_EQ(context.waits().size(), 1u);
  EXPECT_EQ(context.waits()[0], absl::Seconds(5));
}

TEST(FakeTaskContextTest, WaitBeyondTheTimeLimitStopsTheHandler) {
  FakeTaskContext context("t");
  context.SetTimeLimit(absl::Seconds(3));
  EXPECT_FALSE(context.WaitFor(absl::Seconds(5)));
  EXPECT_TRUE(context.StopRequested());
  EXPECT_EQ(context.stop_reason(), StopReason::kTimeout);
}

TEST(FakeTaskContextTest, WaitAfterAStopMovesNothing) {
  FakeTaskContext context("t");
  const absl::Time before = context.Now();
  context.RequestStop();
  EXPECT_FALSE(context.WaitFor(absl::Seconds(5)));
  EXPECT_EQ(context.Now(), before);
  EXPECT_EQ(context.stop_reason(), StopReason::kPoolStops);
}

TEST(FakeTaskContextTest, FirstReasonToStopStays) {
  FakeTaskContext context("t");
  context.RequestStop(StopReason::kTimeout);
  context.RequestStop(StopReason::kPoolStops);
  EXPECT_EQ(context.stop_reason(), StopReason::kTimeout);
}

TEST(FakeTaskContextTest, LogsAreKeptAndShown) {
  FakeTaskContext context("t");
  std::string seen;
  context.set_on_log([&seen](const std::string& message) { seen = message; });
  context.Log(TaskContext::LogLevel::kWarning, "hot");
  ASSERT_EQ(context.logs().size(), 1u);
  EXPECT_EQ(context.logs()[0].message, "hot");
  EXPECT_EQ(context.logs()[0].level, TaskContext::LogLevel::kWarning);
  EXPECT_EQ(seen, "hot");
}

TEST(FakeTaskContextTest, ProgressIsKeptIfItIsGood) {
  FakeTaskContext fake("t");
  TaskContext& context = fake;
  EXPECT_EQ(context.ReportProgress(50, "half", {{"rows", 7}}), absl::OkStatus());
  EXPECT_FALSE(context.ReportProgress(120).ok());
  ASSERT_EQ(fake.progress().size(), 1u);
  EXPECT_EQ(fake.progress()[0], (JobProgress{50, "half", {{"rows", 7}}}));
}

TEST(FakeTaskContextTest, ThereIsNoTimeLimitUnlessOneIsSet) {
  const FakeTaskContext context("t");
  EXPECT_EQ(context.TimeLeft(), absl::InfiniteDuration());
}

}  // namespace
}  // namespace millrace
