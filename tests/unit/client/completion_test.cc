#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/command_run.h"

namespace millrace::cli {
namespace {

using testing::HasSubstr;

std::string Script(const std::string& shell) { return RunCommand({"completion", shell}).out; }

TEST(CompletionTest, EveryShellLearnsEveryCommand) {
  for (const char* const shell : {"bash", "zsh", "fish"}) {
    const std::string script = Script(shell);
    for (const char* const command :
         {"start", "stop", "force-stop", "stats", "worker-id", "events", "run", "jobs", "add",
          "add-many", "get", "wait", "list", "completion"}) {
      EXPECT_THAT(script, HasSubstr(command)) << shell;
    }
  }
}

TEST(CompletionTest, BashOffersTheOptionsOfACommandAndThoseOfTheWhole) {
  EXPECT_THAT(Script("bash"),
              HasSubstr("'jobs get')\n      arguments=''\n"
                        "      options='-h --help --address --timeout --output --no-color' ;;"));
}

TEST(CompletionTest, BashOffersTheValuesOfAnOption) {
  EXPECT_THAT(Script("bash"), HasSubstr("'jobs list/--state') COMPREPLY=($(compgen -W 'ready "
                                        "scheduled queued_behind held exhausted completed "
                                        "cancelled' -- \"$current\")); return ;;"));
}

TEST(CompletionTest, AnOptionOfACommandHidesThatOfTheWhole) {
  const std::string script = Script("fish");
  const std::string condition = "complete -c millrace -n '__millrace_at \"stop\"' -l timeout";
  EXPECT_EQ(script.find(condition), script.rfind(condition));
  EXPECT_THAT(script, HasSubstr(condition + " -r -d 'How long running jobs may go on"));
}

TEST(CompletionTest, DescriptionsAreQuotedForTheirShell) {
  EXPECT_THAT(Script("zsh"), HasSubstr("'worker-id:Print the identity under which the server'\\''s "
                                       "pool claims jobs'"));
  EXPECT_THAT(Script("fish"), HasSubstr("under which the server\\'s pool"));
}

}  // namespace
}  // namespace millrace::cli
