// Wrong usage of the command: one line that says what, and where to read.

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/command_run.h"

namespace millrace::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(UsageTest, AnOptionThatIsGivenTwiceIsSaidToBe) {
  EXPECT_THAT(RunCommand({"--address", "a", "--address", "b", "stats"}).err,
              HasSubstr("--address: given twice; see millrace"));
}

TEST(UsageTest, HelpAndVersionGoToStandardOutput) {
  for (const char* const argument : {"--help", "--version"}) {
    const CommandRun run = RunCommand({argument});
    EXPECT_EQ(run.code, 0);
    EXPECT_THAT(run.out, HasSubstr("illrace"));
    EXPECT_EQ(run.err, "");
  }
}

TEST(UsageTest, HelpExplainsTheExitCodes) {
  EXPECT_THAT(RunCommand({"--help"}).out, HasSubstr("Exit codes:"));
}

TEST(UsageTest, EveryFaultIsOneLineThatSaysWhereToRead) {
  const std::vector<std::vector<std::string>> faults = {
      {},
      {"frob"},
      {"--frob"},
      {"jobs"},
      {"jobs", "frob"},
      {"stats", "extra"},
      {"jobs", "get"},
      {"jobs", "get", "seven"},
      {"jobs", "get", "99999999999999999999"},
      {"jobs", "add"},
      {"jobs", "add", "t", "--priority", "40000"},
      {"jobs", "add", "t", "--max-attempts", "0"},
      {"jobs", "add", "t", "--key-mode", "replace"},
      {"jobs", "add", "t", "--key", "k", "--key-mode", "frob"},
      {"jobs", "add", "t", "--key", ""},
      {"jobs", "add", "t", "--queue", ""},
      {"jobs", "list", "--queue", ""},
      {"jobs", "list", "--state", "frob"},
      {"jobs", "list", "--limit", "0"},
      {"jobs", "list", "--limit", "5", "--all"},
      {"events", "--type", "job/frob"},
      {"events", "--job", "0"},
      {"events", "--count", "0"},
      {"events", "--after", "-1"},
      {"stop", "--timeout", "-1s"},
      {"stop", "--timeout", "25h"},
      {"stats", "--timeout", "0"},
      {"stats", "--output", "xml"},
      {"completion", "tcsh"},
  };
  for (const std::vector<std::string>& arguments : faults) {
    const CommandRun run = RunCommand(arguments);
    const std::string shown = testing::PrintToString(arguments);
    EXPECT_EQ(run.code, 2) << shown;
    EXPECT_EQ(run.out, "") << shown;
    EXPECT_THAT(run.err, StartsWith("millrace: ")) << shown;
    EXPECT_THAT(run.err, HasSubstr("--help\n")) << shown;
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  }
}

TEST(UsageTest, AnArgumentThatIsNoUtf8IsNamedAndNothingIsSent) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"jobs", "add", "a\xff"}, {"jobs", "list", "a\xff"}, {"events", "--task", "a\xff"}}) {
    const CommandRun run = RunCommand(arguments);
    EXPECT_EQ(run.code, 2);
    const std::string last = std::to_string(arguments.size());
    EXPECT_EQ(run.err, "millrace: argument " + last + ", a\uFFFD, is not UTF-8 from byte 2\n");
  }
  const CommandRun run = RunCommand({"jobs", "add", "t", "-"}, "{\"a\": \"\xff\"}");
  EXPECT_EQ(run.code, 2);
  EXPECT_EQ(run.err, "millrace: standard input is not UTF-8 from byte 8\n");
}

TEST(UsageTest, ValuesThatAreReadLaterAreBadUsageToo) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"jobs", "add", "t", "@/nowhere"},
                                             {"jobs", "add", "t", "--run-at", "soon"},
                                             {"jobs", "add-many", "/nowhere"},
                                             {"--address", "", "stats"}}) {
    const CommandRun run = RunCommand(arguments);
    EXPECT_EQ(run.code, 2) << run.err;
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  }
}

}  // namespace
}  // namespace millrace::cli
