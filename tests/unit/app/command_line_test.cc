#include "server/app/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

using Words = std::vector<std::string>;

CommandLine Read(const Words& arguments) {
  return ReadCommandLine(arguments, {{.name = "schema", .value_name = "NAME"},
                                     {.name = "retries", .value_name = "N"},
                                     {.name = "listen", .value_name = "ADDRESS", .is_list = true},
                                     {.name = "autostart", .has_negation = true},
                                     {.name = "migrate-only"}});
}

Words FaultsOf(const Words& arguments) { return Read(arguments).faults; }

TEST(CommandLineTest, ValuesStandBehindTheirNamesOrAreJoinedToThem) {
  const CommandLine line =
      Read({"--schema", "jobs", "--retries", "-1", "--listen=a,b", "--listen", "c", "--autostart"});
  EXPECT_THAT(line.faults, IsEmpty());
  EXPECT_THAT(line.values, ElementsAre(Pair("autostart", "true"), Pair("listen", "a,b,c"),
                                       Pair("retries", "-1"), Pair("schema", "jobs")));
}

TEST(CommandLineTest, AFlagIsSwitchedOffByItsNegationOrByItsValue) {
  EXPECT_THAT(Read({"--no-autostart"}).values, ElementsAre(Pair("autostart", "false")));
  EXPECT_THAT(Read({"--autostart=false"}).values, ElementsAre(Pair("autostart", "false")));
}

TEST(CommandLineTest, AWordBehindAFlagIsNamed) {
  EXPECT_THAT(FaultsOf({"--autostart", "false"}),
              ElementsAre("--autostart: takes no value, got \"false\" (it is switched off by "
                          "--no-autostart)"));
  EXPECT_THAT(FaultsOf({"--migrate-only", "yes"}),
              ElementsAre("--migrate-only: takes no value, got \"yes\""));
}

TEST(CommandLineTest, AWordThatBelongsToNoOptionIsNamed) {
  EXPECT_THAT(FaultsOf({"start"}), ElementsAre("\"start\" belongs to no option"));
  EXPECT_THAT(FaultsOf({"--schema", "jobs", "jobs"}), ElementsAre("\"jobs\" belongs to no option"));
  EXPECT_THAT(FaultsOf({"--listen", "a", "b"}), ElementsAre("\"b\" belongs to no option"));
}

TEST(CommandLineTest, AWordThatMayBeASecretIsNamedByItsPlace) {
  EXPECT_THAT(FaultsOf({"--password", "hunter2"}),
              ElementsAre("unknown option --password", "argument 2 belongs to no option"));
  EXPECT_THAT(FaultsOf({"--schema", "a", "password=", "hunter2"}),
              ElementsAre("argument 3 belongs to no option", "argument 4 belongs to no option"));
  EXPECT_THAT(FaultsOf({"postgres://u:hunter2@db/jobs"}),
              ElementsAre("argument 1 belongs to no option"));
}

TEST(CommandLineTest, AnUnknownOptionIsNamedWithoutItsValue) {
  EXPECT_THAT(FaultsOf({"--password=hunter2", "--", "-x"}),
              ElementsAre("unknown option --password", "unknown option --", "unknown option -x"));
}

TEST(CommandLineTest, AValueThatIsMissingIsNamed) {
  EXPECT_THAT(FaultsOf({"--migrate-only", "--schema"}), ElementsAre("--schema: needs a value"));
}

TEST(CommandLineTest, AnOptionForOneValueIsRefusedIfItIsGivenTwice) {
  EXPECT_THAT(FaultsOf({"--retries", "3", "--retries=4"}),
              ElementsAre("--retries: takes one value, got 2"));
  EXPECT_THAT(FaultsOf({"--autostart", "--no-autostart"}),
              ElementsAre("--autostart: is switched both on and off"));
  EXPECT_THAT(FaultsOf({"--migrate-only", "--migrate-only"}), IsEmpty());
}

TEST(CommandLineTest, HelpAndVersionAreAskedForByFlags) {
  EXPECT_TRUE(Read({"-h"}).wants_help);
  EXPECT_TRUE(Read({"--schema", "a", "--help"}).wants_help);
  EXPECT_TRUE(Read({"--version"}).wants_version);
  EXPECT_FALSE(Read({}).wants_help);
}

}  // namespace
}  // namespace millrace
