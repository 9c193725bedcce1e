// What a handler sees of its attempt (contract A12), through a whole pool.

#include <sstream>

#include "server/base/logging.h"
#include "spdlog/sinks/ostream_sink.h"
#include "tests/unit/pool/pool_fixture.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PoolContextTest : public PoolFixture {};

// Takes what is logged while it lives.
class LogCapture {
 public:
  LogCapture() {
    const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink));
    spdlog::set_pattern("%l %v");
  }
  ~LogCapture() { spdlog::set_default_logger(before_); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  std::string text() const { return text_.str(); }

 private:
  const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::ostringstream text_;
};

TEST_F(PoolContextTest, TheDeadlineComesNearer) {
  std::vector<absl::Duration> left;
  tasks_.Add("looks",
             [&](TaskContext& context) {
               left.push_back(context.TimeLeft());
               gate_.Pass();
               left.push_back(context.TimeLeft());
             },
             {.timeout = absl::Seconds(60)});
  store_.AddTask("looks");
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  clock_.Advance(absl::Seconds(45));
  gate_.Open();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_THAT(left, ElementsAre(absl::Seconds(60), absl::Seconds(15)));
}

TEST_F(PoolContextTest, WaitingEndsWhenTheTokenFiresAndNeverBeginsAfterwards) {
  std::vector<bool> waited;
  Gate called_back;
  StopReason reason = StopReason::kNone;
  tasks_.Add("waits", [&](TaskContext& context) {
    const std::stop_callback on_stop(context.stop_token(), [&] { called_back.Open(); });
    waited.push_back(context.WaitFor(absl::ZeroDuration()));
    arrived_.Open();
    // The clock stands still: neither would ever end by itself.
    waited.push_back(context.WaitFor(absl::Hours(1)));
    waited.push_back(context.WaitFor(absl::Hours(1)));
    reason = context.stop_reason();
    EXPECT_TRUE(called_back.WaitForOpen());
  });
  store_.AddTask("waits");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  ASSERT_TRUE(pool_->ForceStop().ok());
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_THAT(waited, ElementsAre(true, false, false));
  EXPECT_EQ(reason, StopReason::kPoolStops);
}

TEST_F(PoolContextTest, WhatAHandlerLogsNamesItsJob) {
  const LogCapture log;
  tasks_.Add("talks", [](TaskContext& context) {
    context.Log(TaskContext::LogLevel::kWarning, "half {} done");
  });
  const JobId id = store_.AddTask("talks");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  ASSERT_TRUE(pool_->Stop(absl::Minutes(1)).ok());
  EXPECT_THAT(log.text(), HasSubstr("warning job " + std::to_string(id) +
                                    " (talks, attempt 1): half {} done\n"));
}

}  // namespace
}  // namespace millrace
