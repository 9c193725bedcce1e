#include "server/base/logging.h"

#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace millrace {
namespace {

using ::testing::HasSubstr;

class LoggingTest : public ::testing::Test {
 protected:
  ~LoggingTest() override { spdlog::set_default_logger(before_); }

  // What the logger that was set up writes of a message.
  static std::string Logged(const std::string& message) {
    ::testing::internal::CaptureStderr();
    spdlog::warn("{}", message);
    return ::testing::internal::GetCapturedStderr();
  }

 private:
  const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

TEST_F(LoggingTest, BadLevelIsNamed) {
  const absl::Status status = SetUpLogging("loud", "text");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("log-level: \"loud\""));
}

TEST_F(LoggingTest, BadFormatIsNamed) {
  EXPECT_THAT(std::string(SetUpLogging("info", "xml").message()), HasSubstr("log-format: \"xml\""));
}

TEST_F(LoggingTest, RecordBelowTheLevelIsNotWritten) {
  ASSERT_EQ(SetUpLogging("error", "text"), absl::OkStatus());
  EXPECT_EQ(Logged("hello"), "");
}

TEST_F(LoggingTest, JsonRecordIsOneLineWhateverTheMessageHolds) {
  ASSERT_EQ(SetUpLogging("info", "json"), absl::OkStatus());
  const std::string line = Logged("say \"hi\"\nand \xFF go");
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const nlohmann::json record = nlohmann::json::parse(line);
  EXPECT_EQ(record["level"], "warning");
  EXPECT_THAT(record["message"].get<std::string>(), HasSubstr("say \"hi\"\nand "));
}

TEST_F(LoggingTest, TextRecordHoldsLevelAndMessage) {
  ASSERT_EQ(SetUpLogging("info", "text"), absl::OkStatus());
  EXPECT_THAT(Logged("hello"), HasSubstr("hello"));
}

}  // namespace
}  // namespace millrace
