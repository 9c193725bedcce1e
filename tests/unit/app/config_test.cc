#include "server/app/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>

#include "absl/strings/str_split.h"
#include "tests/unit/app/temp_folder.h"

namespace millrace {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class ConfigTest : public testing::Test {
 protected:
  absl::StatusOr<Config> Read(const std::vector<std::string>& arguments) {
    return ReadConfig(
        arguments,
        [this](const std::string& name) -> std::optional<std::string> {
          const auto found = environment_.find(name);
          if (found == environment_.end()) return std::nullopt;
          return found->second;
        },
        "1.2.3", [this](const ServerOptions&) { return check_; });
  }

  ServerOptions Options(const std::vector<std::string>& arguments) {
    absl::StatusOr<Config> config = Read(arguments);
    EXPECT_TRUE(config.ok()) << config.status();
    return config.ok() ? config->options : ServerOptions{};
  }

  std::string Fault(const std::vector<std::string>& arguments) {
    const absl::StatusOr<Config> config = Read(arguments);
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(config.status().message());
  }

  std::string Write(const std::string& text) {
    const std::string path = folder_.path() + "/file";
    std::ofstream(path) << text;
    return path;
  }

  std::map<std::string, std::string> environment_ = {{"HOME", "/home/somebody"}};
  // What the check of the caller finds.
  absl::Status check_;
  TempFolder folder_;
};

TEST_F(ConfigTest, WithoutSettingsHasTheDefaultsOfTheContract) {
  const ServerOptions options = Options({});
  EXPECT_THAT(options.database_url, IsEmpty());
  EXPECT_THAT(options.data_dir, Not(IsEmpty()));
  EXPECT_EQ(options.schema, "millrace");
  EXPECT_THAT(options.rpc.listen_addresses, ElementsAre("127.0.0.1:50051"));
  EXPECT_EQ(options.metrics_listen, "127.0.0.1:9464");
  EXPECT_TRUE(options.autostart);
  EXPECT_EQ(options.pool.concurrency, 10);
  EXPECT_EQ(options.pool.poll_interval, absl::Seconds(2));
  EXPECT_EQ(options.pool.queue_size, 50);
  EXPECT_EQ(options.rpc.limits.payload_bytes, 1024u * 1024u);
}

TEST_F(ConfigTest, EveryOptionOfATypeIsReadFromTheCommandLine) {
  const ServerOptions options = Options(
      {"--database-url", "host=db", "--schema=jobs", "--concurrency", "3", "--poll-interval-ms=250",
       "--retry-multiplier", "1.5", "--claim-unknown-tasks", "--task-identifiers", "a, b",
       "--task-identifiers=c", "--no-autostart", "--on-lost-lease", "continue"});
  EXPECT_EQ(options.database_url, "host=db");
  EXPECT_EQ(options.schema, "jobs");
  EXPECT_EQ(options.pool.concurrency, 3);
  EXPECT_EQ(options.pool.poll_interval, absl::Milliseconds(250));
  EXPECT_EQ(options.pool.retry.multiplier, 1.5);
  EXPECT_TRUE(options.pool.claim_unknown_tasks);
  EXPECT_THAT(options.pool.task_identifiers, ElementsAre("a", "b", "c"));
  EXPECT_FALSE(options.autostart);
  EXPECT_EQ(options.pool.on_lost_lease, OnLostLease::kContinue);
}

TEST_F(ConfigTest, WhatToDoWithoutALeaseIsOneOfThreeWords) {
  EXPECT_EQ(Options({"--on-lost-lease=exit"}).pool.on_lost_lease, OnLostLease::kExit);
  EXPECT_EQ(Options({"--on-lost-lease=interrupt"}).pool.on_lost_lease, OnLostLease::kInterrupt);
  environment_["MILLRACE_ON_LOST_LEASE"] = "exit";
  EXPECT_EQ(Options({}).pool.on_lost_lease, OnLostLease::kExit);
  EXPECT_THAT(Fault({"--on-lost-lease=leave"}),
              HasSubstr("on-lost-lease: must be interrupt, continue or exit"));
}

TEST_F(ConfigTest, TheEnvironmentIsReadToo) {
  environment_["MILLRACE_CONCURRENCY"] = "7";
  environment_["MILLRACE_AUTOSTART"] = "false";
  environment_["MILLRACE_FORBIDDEN_FLAGS"] = "slow,gpu";
  const ServerOptions options = Options({});
  EXPECT_EQ(options.pool.concurrency, 7);
  EXPECT_FALSE(options.autostart);
  EXPECT_THAT(options.pool.forbidden_flags, ElementsAre("slow", "gpu"));
}

TEST_F(ConfigTest, AnEmptyEnvironmentVariableCountsAsUnset) {
  environment_["MILLRACE_CONCURRENCY"] = "";
  EXPECT_EQ(Options({}).pool.concurrency, 10);
}

TEST_F(ConfigTest, TheCommandLineBeatsTheEnvironmentAndThatBeatsTheFile) {
  const std::string file = Write("concurrency = 1\nqueue-size = 1\nmax-connections = 7\n");
  environment_["MILLRACE_CONCURRENCY"] = "2";
  environment_["MILLRACE_QUEUE_SIZE"] = "2";
  const ServerOptions options = Options({"--config", file, "--concurrency", "3"});
  EXPECT_EQ(options.pool.concurrency, 3);
  EXPECT_EQ(options.pool.queue_size, 2);
  EXPECT_EQ(options.max_connections, 7);
}

TEST_F(ConfigTest, AFileMayHoldCommentsQuotesAndAnyCharacterInAValue) {
  const std::string file =
      Write("# a comment\n\n  schema = \"jobs\"  \ndatabase-url = host=db password='a#b = c'\n");
  const ServerOptions options = Options({"--config=" + file});
  EXPECT_EQ(options.schema, "jobs");
  EXPECT_EQ(options.database_url, "host=db password='a#b = c'");
}

TEST_F(ConfigTest, FaultsOfAFileNameTheLine) {
  const std::string file = Write("concurrency = 2\nnonsense\ncolour = red\nqueue-size = many\n");
  EXPECT_THAT(
      Fault({"--config", file}),
      AllOf(HasSubstr("line 2 is not of the form"), HasSubstr("line 3: unknown setting \"colour\""),
            HasSubstr("line 4: queue-size: must be a whole number")));
}

TEST_F(ConfigTest, AFileThatIsNotThereIsNamed) {
  EXPECT_THAT(Fault({"--config", "/no/such/file"}), HasSubstr("cannot read /no/such/file"));
}

TEST_F(ConfigTest, EveryFaultIsNamedAtOnce) {
  EXPECT_THAT(
      Fault({"--concurrency", "none", "--queue-size", "-1", "--schema", "Bad", "--frobnicate",
             "--log-level", "loud", "--listen", "0.0.0.0:1", "--retry-jitter", "x"}),
      AllOf(HasSubstr("--concurrency"), HasSubstr("queue-size: "), HasSubstr("schema"),
            HasSubstr("unknown option --frobnicate"), HasSubstr("log-level"),
            HasSubstr("0.0.0.0:1"), HasSubstr("--retry-jitter"), Not(HasSubstr("\n"))));
}

TEST_F(ConfigTest, FaultsThatOnlyTheCallerFindsAreNamedWithTheOthers) {
  check_ = absl::InvalidArgumentError("task-identifiers: nobody knows it");
  EXPECT_THAT(Fault({"--concurrency", "0"}),
              AllOf(HasSubstr("concurrency: must be"), HasSubstr("; task-identifiers: nobody")));
}

TEST_F(ConfigTest, AFolderIsNoFile) {
  EXPECT_THAT(Fault({"--config", folder_.path()}),
              HasSubstr("cannot read " + folder_.path() + ", which is a folder"));
  EXPECT_THAT(Fault({"--database-url-file", folder_.path()}), HasSubstr("which is a folder"));
}

TEST_F(ConfigTest, ASchemaThatPostgresKeepsForItselfIsRefused) {
  EXPECT_THAT(Fault({"--schema", "pg_x"}), HasSubstr("not with pg_"));
}

TEST_F(ConfigTest, WhatIsNoAddressIsNamed) {
  for (const std::string address : {"unix:", "127.0.0.1:99999", "nonsense", "[::1:1"}) {
    EXPECT_THAT(Fault({"--listen", address}),
                AllOf(HasSubstr("listen: \"" + address + "\" is not an address"),
                      Not(HasSubstr("--allow-plaintext"))));
    EXPECT_THAT(Fault({"--metrics-listen", address}), HasSubstr("metrics-listen: "));
  }
}

TEST_F(ConfigTest, AnAddressGivenTwiceIsNamed) {
  EXPECT_THAT(Fault({"--listen", "127.0.0.1:1,127.0.0.1:1"}),
              HasSubstr("listen: 127.0.0.1:1 is given twice"));
  EXPECT_THAT(Fault({"--listen", "127.0.0.1:1", "--metrics-listen", "127.0.0.1:1"}),
              HasSubstr("given twice"));
  Options({"--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"});
}

TEST_F(ConfigTest, EveryFaultOfAValueBeginsWithTheNameOfItsOption) {
  std::set<std::string> names;
  for (const OptionInfo& option : ListOptions()) names.insert(option.name);
  const std::string faults = Fault({"--poll-interval-ms=1",
                                    "--queue-size=-1",
                                    "--queue-ttl-ms=1",
                                    "--concurrency=0",
                                    "--stop-grace-ms=99999999",
                                    "--max-interruptions=-1",
                                    "--lease-ttl-ms=1",
                                    "--retry-base-ms=0",
                                    "--retry-multiplier=0",
                                    "--retry-jitter=2",
                                    "--max-job-calls=0",
                                    "--max-attempts=0",
                                    "--lock-timeout-ms=1",
                                    "--max-message-bytes=1",
                                    "--max-event-streams=0",
                                    "--event-buffer-events=1",
                                    "--event-buffer-bytes=0",
                                    "--payload-limit-bytes=1",
                                    "--max-connections=5",
                                    "--task-connections=0",
                                    "--schema=Bad",
                                    "--heartbeat-interval-ms=9999",
                                    "--retry-maximum-ms=-1"});
  std::vector<std::string> parts = absl::StrSplit(faults, "; ");
  EXPECT_EQ(parts.back(), "see millrace-server --help");
  parts.pop_back();
  EXPECT_GE(parts.size(), 20u);
  for (const std::string& part : parts) {
    const size_t start = part.find_first_not_of('-');
    EXPECT_TRUE(names.contains(part.substr(start, part.find(':') - start))) << part;
  }
}

TEST_F(ConfigTest, TheEventBufferHasLimitsOnBothSides) {
  EXPECT_THAT(Fault({"--event-buffer-bytes", "0", "--event-buffer-events", "99999999999"}),
              AllOf(HasSubstr("event-buffer-bytes: must be 1048576 to 68719476736, got 0"),
                    HasSubstr("event-buffer-events: must be 1000 to 100000000, got 99999999999")));
}

TEST_F(ConfigTest, WhatIsNoConnectionStringIsSaidToBeNone) {
  for (const char* text : {"nonsense", "mysql://db/jobs", "db.example.org:5432/jobs",
                           "jdbc:postgresql://db/jobs?user=x", "host=db nonsense"}) {
    EXPECT_THAT(Fault({"--database-url", text}),
                AllOf(HasSubstr("--database-url: is neither a URI"), Not(HasSubstr(text))));
  }
}

TEST_F(ConfigTest, HelpTellsOfSignalsAndExitCodes) {
  const absl::StatusOr<Config> config = Read({"--help"});
  ASSERT_TRUE(config.ok());
  for (const char* said : {"SIGTERM", "  0  ", "  1  ", "  2  ", "  3  ", "  4  "}) {
    EXPECT_THAT(*config->text_to_print, HasSubstr(said));
  }
}

TEST_F(ConfigTest, AValueThatIsMissingIsNamed) {
  EXPECT_THAT(Fault({"--frobnicate", "--concurrency"}),
              AllOf(HasSubstr("--concurrency: needs a value"), HasSubstr("--frobnicate")));
}

TEST_F(ConfigTest, NumbersBeyondTheirRangeAreRefused) {
  EXPECT_THAT(Fault({"--concurrency", "99999999999"}), HasSubstr("--concurrency"));
  EXPECT_THAT(Fault({"--payload-limit-bytes", "-1"}), HasSubstr("--payload-limit-bytes"));
  EXPECT_THAT(Fault({"--poll-interval-ms", "1.5"}), HasSubstr("--poll-interval-ms"));
}

TEST_F(ConfigTest, WhatIsNoNumberIsToldTheRange) {
  EXPECT_THAT(Fault({"--concurrency", "abc"}),
              HasSubstr("--concurrency: must be a whole number, 1 to 1024, got \"abc\""));
  EXPECT_THAT(Fault({"--concurrency", "99999999999"}), HasSubstr("number, 1 to 1024, got"));
  EXPECT_THAT(Fault({"--payload-limit-bytes", "-1"}), HasSubstr("number, 1024 to 67108864, got"));
  EXPECT_THAT(Fault({"--stop-grace-ms", "1s"}), HasSubstr("milliseconds, 0 to 3600000, got"));
  EXPECT_THAT(Fault({"--retry-base-ms", "1s"}), HasSubstr("milliseconds, positive, got"));
  EXPECT_THAT(Fault({"--retry-jitter", "x"}), HasSubstr("must be a number, 0 to 1, got"));
}

TEST_F(ConfigTest, EveryFaultPointsToTheHelp) {
  for (const char* argument : {"--nosuch", "stray", "--concurrency=abc", "--concurrency=0"}) {
    EXPECT_THAT(Fault({argument}), EndsWith("; see millrace-server --help"));
  }
}

TEST_F(ConfigTest, WhatIsWrongWithTheCommandLineIsNamedBeforeTheRest) {
  EXPECT_THAT(Fault({"--concurrency", "0", "--autostart", "false"}),
              AllOf(StartsWith("--autostart: takes no value"), HasSubstr("concurrency: must be")));
}

TEST_F(ConfigTest, ASettingIsRefusedIfAFileGivesItTwice) {
  EXPECT_THAT(Fault({"--config", Write("concurrency = 3\n\nconcurrency = 4\n")}),
              StartsWith("config: line 3: concurrency: is given in line 1 already; see"));
}

TEST_F(ConfigTest, AFaultOfTheEnvironmentNamesTheVariable) {
  environment_["MILLRACE_CONCURRENCY"] = "lots";
  EXPECT_THAT(Fault({}), HasSubstr("MILLRACE_CONCURRENCY: must be a whole number"));
}

TEST_F(ConfigTest, AnAddressThatOthersReachNeedsToBeAllowed) {
  for (const char* address :
       {"0.0.0.0:50051", "[::]:50051", "db.example.org:1", "127.evil.org:1"}) {
    EXPECT_THAT(Fault({"--listen", address}), HasSubstr("--allow-plaintext")) << address;
    EXPECT_THAT(Options({"--listen", address, "--allow-plaintext"}).rpc.listen_addresses,
                ElementsAre(address));
  }
}

TEST_F(ConfigTest, AddressesOfThisMachineNeedNoAllowance) {
  const ServerOptions options =
      Options({"--listen", "127.0.0.1:1,[::1]:2,localhost:3,unix:/run/millrace", "--listen",
               "127.9.9.9:4"});
  EXPECT_EQ(options.rpc.listen_addresses.size(), 5u);
}

TEST_F(ConfigTest, TheMetricsCanBeSwitchedOff) {
  EXPECT_THAT(Options({"--metrics-listen", "off"}).metrics_listen, IsEmpty());
  EXPECT_THAT(Options({"--metrics-listen", ""}).metrics_listen, IsEmpty());
  EXPECT_THAT(Options({"--metrics-listen=", "--schema", "jobs"}).metrics_listen, IsEmpty());
  EXPECT_THAT(Fault({"--metrics-listen", "9464x"}), HasSubstr("metrics-listen"));
}

TEST_F(ConfigTest, TheCommonVariableNamesADatabaseUnlessOursDoes) {
  environment_["DATABASE_URL"] = "host=common";
  EXPECT_EQ(Options({}).database_url, "host=common");
  environment_["MILLRACE_DATABASE_URL"] = "host=ours";
  EXPECT_EQ(Options({}).database_url, "host=ours");
}

TEST_F(ConfigTest, AConnectionStringIsReadFromAFile) {
  environment_["DATABASE_URL"] = "host=common";
  environment_["MILLRACE_DATABASE_URL_FILE"] = Write("host=secret password=x\n");
  EXPECT_EQ(Options({}).database_url, "host=secret password=x");
  EXPECT_EQ(Options({"--database-url", "host=flag"}).database_url, "host=flag");
}

TEST_F(ConfigTest, AConnectionStringAndAFileOfOneSourceExcludeEachOther) {
  EXPECT_THAT(Fault({"--database-url", "host=a", "--database-url-file", Write("host=b")}),
              HasSubstr("give one of them"));
}

TEST_F(ConfigTest, AnEmptyConnectionStringIsRefused) {
  EXPECT_THAT(Fault({"--database-url", ""}), HasSubstr("--database-url"));
  EXPECT_THAT(Fault({"--database-url-file", Write("\n")}), HasSubstr("--database-url-file"));
}

TEST_F(ConfigTest, AFaultNeverRepeatsAConnectionString) {
  EXPECT_THAT(Fault({"--database-url", "password=hunter2", "--databaseurl=password=hunter3",
                     "password=hunter4", "--schema", "Bad"}),
              Not(HasSubstr("hunter")));
}

TEST_F(ConfigTest, HelpShowsEveryOptionWithItsVariable) {
  const absl::StatusOr<Config> config = Read({"--help"});
  ASSERT_TRUE(config.ok());
  ASSERT_TRUE(config->text_to_print.has_value());
  for (const OptionInfo& option : ListOptions()) {
    EXPECT_THAT(*config->text_to_print, HasSubstr("--" + option.name));
    EXPECT_THAT(*config->text_to_print, HasSubstr(option.environment));
    EXPECT_THAT(option.help, Not(IsEmpty())) << option.name;
  }
}

TEST_F(ConfigTest, HelpShowsDefaults) {
  const absl::StatusOr<Config> config = Read({"-h"});
  ASSERT_TRUE(config.ok());
  EXPECT_THAT(*config->text_to_print,
              AllOf(HasSubstr("Default: 127.0.0.1:50051."), HasSubstr("Default: 2000.")));
}

TEST_F(ConfigTest, VersionIsPrinted) {
  const absl::StatusOr<Config> config = Read({"--version"});
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->text_to_print, "millrace-server 1.2.3\n");
}

TEST_F(ConfigTest, NamesOfOptionsAndVariablesAreUnique) {
  std::set<std::string> seen;
  for (const OptionInfo& option : ListOptions()) {
    EXPECT_TRUE(seen.insert(option.name).second) << option.name;
    if (!option.environment.empty()) {
      EXPECT_TRUE(seen.insert(option.environment).second) << option.environment;
    }
  }
}

TEST(HideSecretsTest, OverwritesConnectionStringsAndNothingElse) {
  std::string words[] = {"server",         "--schema",   "s",
                         "--database-url", "password=x", "--database-url=password=y"};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  HideSecrets(static_cast<int>(arguments.size()), arguments.data());
  EXPECT_THAT(words, ElementsAre("server", "--schema", "s", "--database-url", "**********",
                                 "--database-url=**********"));
}

}  // namespace
}  // namespace millrace
