#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "client/library/worker_pool_client.h"
#include "tests/e2e/e2e_schema.h"
#include "tests/e2e/runs_file.h"
#include "tests/e2e/server_process.h"
#include "tests/support/eventually.h"
#include "tests/support/process_tree.h"
#include "tests/unit/app/http_request.h"

namespace millrace {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class StartTest : public testing::Test {
 protected:
  // Arguments for a server on the test cluster, and `more`.
  std::vector<std::string> OnCluster(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"--database-url=" + schema_.url(),
                                          "--schema=" + schema_.name()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  // Expects the server to leave with that code and one line that holds all of `texts`.
  void ExpectFailure(const std::vector<std::string>& arguments, int code,
                     const std::vector<std::string>& texts) {
    std::vector<std::string> quiet = arguments;
    quiet.emplace_back("--log-level=error");
    ServerProcess server(MILLRACE_E2E_SERVER, quiet);
    EXPECT_EQ(server.WaitForExit(), code);
    const std::string output = server.output();
    EXPECT_EQ(std::count(output.begin(), output.end(), '\n'), 1) << output;
    EXPECT_THAT(output, StartsWith("millrace-server: "));
    for (const std::string& text : texts) EXPECT_THAT(output, HasSubstr(text));
  }

  E2eSchema schema_;
};

TEST_F(StartTest, AnUnknownFlagIsNamed) {
  ExpectFailure(OnCluster({"--frobnicate"}), 2, {"unknown option --frobnicate"});
}

TEST_F(StartTest, EveryBadValueIsNamed) {
  ExpectFailure(OnCluster({"--concurrency=0", "--schema=9"}), 2, {"concurrency", "schema"});
}

TEST_F(StartTest, AnUnreachableDatabaseIsNamedWithoutItsPassword) {
  ServerProcess server(MILLRACE_E2E_SERVER,
                       {"--database-url=host=/nowhere dbname=work password=hunter2"});
  EXPECT_EQ(server.WaitForExit(), 1);
  EXPECT_THAT(server.output(), AllOf(HasSubstr("cannot use the database /nowhere/work"),
                                     HasSubstr("--database-url"), Not(HasSubstr("hunter2"))));
}

// A port at which somebody listens and never says a word.
class MutePort {
 public:
  MutePort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (bind(fd_, any, size) != 0 || listen(fd_, 8) != 0 || getsockname(fd_, any, &size) != 0) {
      throw std::runtime_error("cannot listen");
    }
    port_ = std::to_string(ntohs(address.sin_port));
  }
  ~MutePort() { close(fd_); }
  MutePort(const MutePort&) = delete;
  MutePort& operator=(const MutePort&) = delete;

  const std::string& port() const { return port_; }
  // Whether somebody has connected, within a minute.
  bool WaitForCaller() const {
    pollfd waited{fd_, POLLIN, 0};
    return poll(&waited, 1, 60'000) > 0;
  }

 private:
  const int fd_;
  std::string port_;
};

TEST_F(StartTest, ADatabaseThatConnectsAndSaysNothingIsNamed) {
  const MutePort mute;
  ExpectFailure({"--database-url=host=127.0.0.1 dbname=work port=" + mute.port()}, 1,
                {"cannot use the database 127.0.0.1:" + mute.port() + "/work", "timeout",
                 "check --database-url"});
}

TEST_F(StartTest, ASignalWhileItConnectsEndsIt) {
  const MutePort mute;
  ServerProcess server(MILLRACE_E2E_SERVER,
                       {"--database-url=host=127.0.0.1 dbname=work port=" + mute.port()});
  ASSERT_TRUE(mute.WaitForCaller());
  server.Signal(SIGTERM);
  EXPECT_EQ(server.WaitForExit(), 0) << server.output();
  EXPECT_THAT(server.output(), Not(HasSubstr("millrace-server: ")));
}

TEST_F(StartTest, ASchemaOfANewerServerIsRefused) {
  {
    ServerProcess server(MILLRACE_E2E_SERVER, OnCluster());
    ASSERT_TRUE(server.WaitUntilReady()) << server.output();
  }
  schema_.Query("insert into {schema}.schema_version (version, name) values (9999, 'future')");
  ExpectFailure(OnCluster(), 1, {"version 9999", "newer server"});
}

TEST_F(StartTest, MigrateOnlyMakesTheSchemaAndLeaves) {
  ServerProcess server(MILLRACE_E2E_SERVER, OnCluster({"--migrate-only"}));
  EXPECT_EQ(server.WaitForExit(), 0) << server.output();
  EXPECT_THAT(server.output(), AllOf(HasSubstr("is up to date"), Not(HasSubstr("listens"))));
  EXPECT_GT(schema_.Count("select max(version) from {schema}.schema_version"), 0);
  EXPECT_EQ(schema_.Count("select count(*) from {schema}.worker"), 0);
  ServerProcess again(MILLRACE_E2E_SERVER, OnCluster({"--migrate-only"}));
  EXPECT_EQ(again.WaitForExit(), 0) << again.output();
}

TEST_F(StartTest, MigrateOnlySaysWhyItCouldNot) {
  schema_.Query("create schema {schema} create table theirs (id int)");
  ExpectFailure(OnCluster({"--migrate-only"}), 1, {"is not Millrace's"});
}

// Holds the lock under which a schema is migrated.
class MigrationTurn {
 public:
  explicit MigrationTurn(const E2eSchema& schema) : connection_(schema.url()), work_(connection_) {
    work_.exec("select pg_advisory_lock(hashtextextended('" + schema.name() + ".migrate', 0))");
  }

 private:
  pqxx::connection connection_;
  pqxx::nontransaction work_;
};

TEST_F(StartTest, ASignalWhileAnotherMigratesEndsIt) {
  const MigrationTurn turn(schema_);
  ServerProcess server(MILLRACE_E2E_SERVER, OnCluster());
  ASSERT_TRUE(server.WaitForOutput("waiting for another server that migrates it"));
  server.Signal(SIGTERM);
  EXPECT_EQ(server.WaitForExit(), 0) << server.output();
}

TEST_F(StartTest, MigrateOnlyThatWasStoppedDoesNotLookDone) {
  const MigrationTurn turn(schema_);
  ServerProcess server(MILLRACE_E2E_SERVER, OnCluster({"--migrate-only"}));
  ASSERT_TRUE(server.WaitForOutput("waiting for another server that migrates it"));
  server.Signal(SIGTERM);
  EXPECT_EQ(server.WaitForExit(), 1) << server.output();
  EXPECT_THAT(server.output(), HasSubstr("millrace-server: stopped before the schema"));
}

TEST_F(StartTest, APortInUseIsNamedAndNothingIsLeftBehind) {
  ServerProcess first(MILLRACE_E2E_SERVER, OnCluster());
  ASSERT_TRUE(first.WaitUntilReady()) << first.output();
  const std::string address = first.grpc_address();
  const std::string http = "127.0.0.1:" + std::to_string(first.http_port());
  const TempFolder folder;
  const std::string data_dir = folder.path() + "/data";
  ExpectFailure({"--data-dir=" + data_dir, "--listen=" + address}, 1, {address, "--listen"});
  ExpectFailure({"--data-dir=" + data_dir, "--metrics-listen=" + http}, 1,
                {http, "--metrics-listen"});
  ExpectFailure({"--data-dir=" + data_dir, "--listen=" + address, "--metrics-listen=" + http}, 1,
                {address, http});
  EXPECT_FALSE(std::filesystem::exists(data_dir));
}

TEST_F(StartTest, AReservedWordAsSchemaIsNamedBeforeAnythingIsMade) {
  const TempFolder folder;
  const std::string data_dir = folder.path() + "/data";
  for (const char* word : {"user", "order"}) {
    ExpectFailure({"--data-dir=" + data_dir, std::string("--schema=") + word}, 2,
                  {std::string("schema: \"") + word + "\" is a reserved word of PostgreSQL"});
  }
  EXPECT_FALSE(std::filesystem::exists(data_dir));
}

TEST_F(StartTest, AnUnusableDataDirectoryIsNamed) {
  ExpectFailure({"--data-dir=/proc/millrace"}, 1, {"/proc/millrace", "--data-dir"});
}

TEST_F(StartTest, AnUnknownTaskInTheAllowListIsNamedBeforeAnythingIsMade) {
  for (const char* start : {"--autostart", "--no-autostart"}) {
    ExpectFailure(OnCluster({"--task-identifiers=nonsense", start, "--concurrency=0"}), 2,
                  {"task-identifiers: no handler is registered for \"nonsense\"", "concurrency: "});
  }
  EXPECT_EQ(schema_.Count("select count(*) from pg_namespace where nspname = '{schema}'"), 0);
}

TEST_F(StartTest, HelpAndVersionArePrinted) {
  ServerProcess help(MILLRACE_SERVER, {"--help"});
  EXPECT_EQ(help.WaitForExit(), 0);
  EXPECT_THAT(help.output(), HasSubstr("--concurrency"));
  ServerProcess version(MILLRACE_SERVER, {"--version"});
  EXPECT_EQ(version.WaitForExit(), 0);
  EXPECT_THAT(version.output(), StartsWith("millrace-server "));
}

TEST_F(StartTest, HealthAndMetricsAreServedOverHttp) {
  ServerProcess server(MILLRACE_SERVER, OnCluster());
  ASSERT_TRUE(server.WaitUntilReady()) << server.output();
  EXPECT_THAT(HttpRequest(server.http_port(), "GET /livez"), HasSubstr("200 OK"));
  EXPECT_THAT(HttpRequest(server.http_port(), "GET /readyz"), HasSubstr("200 OK"));
  EXPECT_THAT(HttpRequest(server.http_port(), "GET /metrics"),
              AllOf(HasSubstr("200 OK"), HasSubstr("millrace_jobs_claimed_total")));
}

TEST_F(StartTest, AServerThatWaitsForItsHandlersIsAliveAndNotReady) {
  ServerProcess server(MILLRACE_E2E_SERVER, OnCluster());
  ASSERT_TRUE(server.WaitUntilReady()) << server.output();
  schema_.Query("select {schema}.add_job('slow')");
  ASSERT_TRUE(Eventually([&] { return schema_.Count("select count(*) from {schema}.claim") > 0; }));
  server.Signal(SIGTERM);
  ASSERT_TRUE(server.WaitForOutput("not ready: the server is stopping"));
  EXPECT_THAT(HttpRequest(server.http_port(), "GET /readyz"),
              AllOf(HasSubstr("503"), HasSubstr("stopping")));
  EXPECT_THAT(HttpRequest(server.http_port(), "GET /livez"), HasSubstr("200 OK"));
}

TEST_F(StartTest, WithoutAutostartThePoolWaitsForACaller) {
  ServerProcess server(MILLRACE_E2E_SERVER, OnCluster({"--no-autostart"}));
  ASSERT_TRUE(server.WaitUntilReady()) << server.output();
  client::ClientOptions options;
  options.address = server.grpc_address();
  const auto connection = client::Connection::Create(options);
  ASSERT_TRUE(connection.ok()) << connection.status();
  client::WorkerPoolClient pool(**connection);
  const auto before = pool.Stats();
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_FALSE(before->running);
  schema_.Query("select {schema}.add_job('noop')");
  const auto started = pool.Start();
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_TRUE(Eventually(
      [&] { return schema_.Count("select count(*) from {schema}.attempt_outcome") == 1; }));
  EXPECT_EQ(*pool.WorkerId(), server.worker_id());
}

// On a PostgreSQL of its own.
class EmbeddedStartTest : public testing::Test {
 protected:
  // A server that was killed at the end of a test leaves PostgreSQL a moment to end in; only then
  // can the folder be removed.
  void TearDown() override {
    Eventually([this] {
      pid_t pid = 0;
      std::ifstream(data_dir_ + "/cluster/postmaster.pid") >> pid;
      return !ProcessRuns(pid);
    });
  }

  std::vector<std::string> Arguments() { return {"--data-dir=" + data_dir_}; }
  std::string Query(const std::string& sql) {
    return E2eSchema::QueryAt("host=" + data_dir_ + "/socket user=millrace dbname=postgres", sql);
  }
  pid_t Postmaster() {
    pid_t pid = 0;
    std::ifstream(data_dir_ + "/cluster/postmaster.pid") >> pid;
    // Never a number that kill would take for a group of processes.
    if (pid <= 0) throw std::runtime_error("no PostgreSQL runs in " + data_dir_);
    return pid;
  }
  TempFolder folder_;
  const std::string data_dir_ = folder_.path() + "/data";
};

TEST_F(EmbeddedStartTest, StartsWithoutADatabaseAndTakesItsOwnDownAgain) {
  ServerProcess server(MILLRACE_SERVER, Arguments());
  ASSERT_TRUE(server.WaitUntilReady()) << server.output();
  EXPECT_THAT(HttpRequest(server.http_port(), "GET /readyz"), HasSubstr("200 OK"));
  const pid_t postmaster = Postmaster();
  server.Signal(SIGTERM);
  EXPECT_EQ(server.WaitForExit(), 0) << server.output();
  EXPECT_FALSE(ProcessRuns(postmaster));
}

TEST_F(EmbeddedStartTest, MigrateOnlyMakesADatabaseAndTakesItDownAgain) {
  ServerProcess server(MILLRACE_SERVER, {"--data-dir=" + data_dir_, "--migrate-only"});
  EXPECT_EQ(server.WaitForExit(), 0) << server.output();
  EXPECT_TRUE(std::filesystem::exists(data_dir_ + "/cluster/PG_VERSION"));
  EXPECT_FALSE(std::filesystem::exists(data_dir_ + "/cluster/postmaster.pid"));
}

TEST_F(EmbeddedStartTest, AfterAKillNoPostgresIsLeftAndTheNextStartRunsWhatWasAdded) {
  {
    ServerProcess server(MILLRACE_E2E_SERVER, {"--data-dir=" + data_dir_, "--no-autostart"});
    ASSERT_TRUE(server.WaitUntilReady()) << server.output();
    Query("select millrace.add_job('noop')");
    const pid_t postmaster = Postmaster();
    server.Signal(SIGKILL);
    EXPECT_EQ(server.WaitForExit(), -SIGKILL);
    EXPECT_TRUE(Eventually([&] { return !ProcessRuns(postmaster); }));
  }
  ServerProcess server(MILLRACE_E2E_SERVER, Arguments());
  ASSERT_TRUE(server.WaitUntilReady()) << server.output();
  EXPECT_TRUE(
      Eventually([&] { return Query("select count(*) from millrace.attempt_outcome") == "1"; }));
}

TEST_F(EmbeddedStartTest, ASecondServerOnTheSameFolderIsRefused) {
  ServerProcess first(MILLRACE_E2E_SERVER, Arguments());
  ASSERT_TRUE(first.WaitUntilReady()) << first.output();
  ServerProcess second(MILLRACE_E2E_SERVER, Arguments());
  EXPECT_EQ(second.WaitForExit(), 1);
  EXPECT_THAT(second.output(), AllOf(HasSubstr("in use by another millrace-server"),
                                     HasSubstr(std::to_string(first.pid()))));
}

TEST_F(EmbeddedStartTest, ASignalWhileItStartsEndsItCleanly) {
  ServerProcess server(MILLRACE_E2E_SERVER, Arguments());
  ASSERT_TRUE(server.WaitForOutput("creating a private PostgreSQL"));
  server.Signal(SIGTERM);
  EXPECT_EQ(server.WaitForExit(), 0) << server.output();
  EXPECT_THAT(server.output(), Not(HasSubstr(" ready\n")));
}

TEST_F(EmbeddedStartTest, ASignalEndsItAlthoughTheDatabaseStandsStill) {
  ServerProcess server(MILLRACE_E2E_SERVER, Arguments());
  ASSERT_TRUE(server.WaitUntilReady()) << server.output();
  const std::vector<pid_t> frozen = FreezeWithChildren(Postmaster());
  ASSERT_GT(frozen.size(), 1u);
  server.Signal(SIGTERM);
  EXPECT_EQ(server.WaitForExit(), 0) << server.output();
  for (const pid_t pid : frozen) EXPECT_TRUE(Eventually([&] { return !ProcessRuns(pid); })) << pid;
}

TEST_F(EmbeddedStartTest, OutcomesThatTheDatabaseDidNotTakeHaveAnExitCodeOfTheirOwn) {
  ServerProcess server(MILLRACE_E2E_SERVER,
                       {"--data-dir=" + data_dir_, "--graceful-shutdown-timeout-ms=100"},
                       {"E2E_RUNS_FILE=" + folder_.path() + "/runs"});
  ASSERT_TRUE(server.WaitUntilReady()) << server.output();
  Query("select millrace.add_job('slow')");
  ASSERT_TRUE(Eventually([&] { return !ReadRuns(folder_.path() + "/runs").empty(); }));
  FreezeWithChildren(Postmaster());
  server.Signal(SIGTERM);
  EXPECT_EQ(server.WaitForExit(), 4) << server.output();
  EXPECT_THAT(server.output(), HasSubstr("did not take what became of 1 jobs"));
}

TEST_F(EmbeddedStartTest, AServerWhoseDatabaseBecomesReadOnlyIsNotReadyUntilThatEnds) {
  ServerProcess server(MILLRACE_E2E_SERVER, Arguments());
  ASSERT_TRUE(server.WaitUntilReady()) << server.output();
  Query("alter system set default_transaction_read_only = on");
  Query("select pg_reload_conf()");
  EXPECT_TRUE(server.WaitForOutput("not ready: the database cannot be used: it is read-only"));
  EXPECT_THAT(HttpRequest(server.http_port(), "GET /readyz"), HasSubstr("503"));
  Query("alter system reset default_transaction_read_only");
  Query("select pg_reload_conf()");
  EXPECT_TRUE(Eventually([&] {
    return HttpRequest(server.http_port(), "GET /readyz").find("200 OK") != std::string::npos;
  })) << server.output();
}

TEST_F(EmbeddedStartTest, AHandlerThatIgnoresTheRequestLeavesNoPostgresBehind) {
  ServerProcess server(
      MILLRACE_E2E_SERVER,
      {"--data-dir=" + data_dir_, "--graceful-shutdown-timeout-ms=100", "--stop-grace-ms=100"},
      {"E2E_RUNS_FILE=" + folder_.path() + "/runs"});
  ASSERT_TRUE(server.WaitUntilReady()) << server.output();
  Query("select millrace.add_job('ignoring')");
  ASSERT_TRUE(Eventually([&] { return !ReadRuns(folder_.path() + "/runs").empty(); }));
  const pid_t postmaster = Postmaster();
  server.Signal(SIGTERM);
  EXPECT_EQ(server.WaitForExit(), 3) << server.output();
  EXPECT_FALSE(ProcessRuns(postmaster));
}

}  // namespace
}  // namespace millrace
