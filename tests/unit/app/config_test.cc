#include "server/app/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>

#include "tests/unit/app/temp_folder.h"

namespace millrace {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

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
        "1.2.3");
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
  const std::string file = Write("concurrency = 1\nqueue-size = 1\nmax-connections = 5\n");
  environment_["MILLRACE_CONCURRENCY"] = "2";
  environment_["MILLRACE_QUEUE_SIZE"] = "2";
  const ServerOptions options = Options({"--config", file, "--concurrency", "3"});
  EXPECT_EQ(options.pool.concurrency, 3);
  EXPECT_EQ(options.pool.queue_size, 2);
  EXPECT_EQ(options.max_connections, 5);
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
      AllOf(HasSubstr("--concurrency"), HasSubstr("queue_size"), HasSubstr("schema"),
            HasSubstr("unknown option --frobnicate"), HasSubstr("log-level"),
            HasSubstr("0.0.0.0:1"), HasSubstr("--retry-jitter"), Not(HasSubstr("\n"))));
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
