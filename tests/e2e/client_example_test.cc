#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "tests/e2e/server_process.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

struct ExampleEnd {
  int exit_code = -1;
  std::string output;
};

class ClientExampleTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.WaitUntilReady()) << server_.output(); }

  // Before the folder goes.
  void TearDown() override {
    server_.Signal(SIGTERM);
    EXPECT_EQ(server_.WaitForExit(), 0);
  }

  // Runs the example of docs/client-library.md to its end.
  ExampleEnd Run(const std::string& task, const std::string& payload) {
    const std::string command = std::string(MILLRACE_CLIENT_EXAMPLE) + " " +
                                server_.grpc_address() + " " + task + " '" + payload + "' 2>&1";
    FILE* const pipe = popen(command.c_str(), "r");
    ExampleEnd end;
    char text[256];
    while (fgets(text, sizeof text, pipe) != nullptr) end.output += text;
    const int status = pclose(pipe);
    if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
    return end;
  }

  TempFolder folder_;
  ServerProcess server_{MILLRACE_E2E_SERVER, {"--data-dir=" + folder_.path() + "/data"}};
};

TEST_F(ClientExampleTest, EndsWithItsJob) {
  const ExampleEnd end = Run("noop", "{}");
  EXPECT_EQ(end.exit_code, 0) << end.output;
  EXPECT_THAT(end.output, HasSubstr("job/completed"));
}

TEST_F(ClientExampleTest, SaysWhatIsWrongWithAJob) {
  const ExampleEnd end = Run("noop", "[]");
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.output, HasSubstr("payload"));
}

}  // namespace
}  // namespace millrace
