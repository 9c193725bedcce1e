#include "server/app/embedded_postgres.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <pqxx/pqxx>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process_tree.h"
#include "tests/unit/app/embedded_postgres_fixture.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

bool IsRoot() { return geteuid() == 0; }

std::string ReadLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

pid_t PostmasterOf(const std::string& data_dir) {
  const std::string line = ReadLine(data_dir + "/cluster/postmaster.pid");
  // Never a number that kill would take for a group of processes.
  if (line.empty()) throw std::runtime_error("no PostgreSQL runs in " + data_dir);
  return std::stoi(line);
}

std::string Query(const std::string& url, const std::string& sql) {
  pqxx::connection connection(url);
  pqxx::nontransaction work(connection);
  const pqxx::result rows = work.exec(sql);
  return rows.empty() ? "" : rows[0][0].c_str();
}

// embedded_postgres_host in a process of its own. Used from one thread.
class Host {
 public:
  Host(const std::vector<std::string>& prefix, const std::string& data_dir) {
    std::vector<std::string> command = prefix;
    command.emplace_back(EMBEDDED_POSTGRES_HOST);
    command.push_back(data_dir);
    std::vector<char*> arguments;
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    int output[2];
    if (pipe2(output, O_CLOEXEC) != 0) abort();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    EXPECT_EQ(posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(output[1]);
    output_ = fdopen(output[0], "r");
  }
  ~Host() {
    Kill();
    fclose(output_);
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  pid_t pid() const { return pid_; }
  // Waits for the connection string, or "error: ...".
  const std::string& said() {
    char line[512] = "";
    if (said_.empty() && fgets(line, sizeof(line), output_) != nullptr) said_ = line;
    if (!said_.empty() && said_.back() == '\n') said_.pop_back();
    return said_;
  }
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
  FILE* output_ = nullptr;
  std::string said_;
};

class EmbeddedPostgresTest : public EmbeddedPostgresFixture {};

TEST_F(EmbeddedPostgresTest, StartsWithAnEmptyFolderAndAnswersQueries) {
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  ASSERT_TRUE(postgres.Start().ok());
  EXPECT_EQ(Query(postgres.database_url(), "SELECT 40 + 2"), "42");
}

TEST_F(EmbeddedPostgresTest, KeepsItsDataUntilTheNextStart) {
  {
    EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
    ASSERT_TRUE(postgres.Start().ok());
    Query(postgres.database_url(), "CREATE TABLE kept AS SELECT 7 AS n");
  }
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  ASSERT_TRUE(postgres.Start().ok());
  EXPECT_EQ(Query(postgres.database_url(), "SELECT n FROM kept"), "7");
}

TEST_F(EmbeddedPostgresTest, LeavesNoProcessBehindWhenItIsStopped) {
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  ASSERT_TRUE(postgres.Start().ok());
  const pid_t postmaster = PostmasterOf(data_dir_);
  ASSERT_TRUE(ProcessRuns(postmaster));
  postgres.RequestStop();
  postgres.Join();
  EXPECT_FALSE(ProcessRuns(postmaster));
  EXPECT_FALSE(fs::exists(data_dir_ + "/cluster/postmaster.pid"));
}

TEST_F(EmbeddedPostgresTest, StopsWhileASessionIsOpen) {
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  ASSERT_TRUE(postgres.Start().ok());
  pqxx::connection session(postgres.database_url());
  const pid_t postmaster = PostmasterOf(data_dir_);
  postgres.RequestStop();
  postgres.Join();
  EXPECT_FALSE(ProcessRuns(postmaster));
}

TEST_F(EmbeddedPostgresTest, OneThatStandsStillIsKilledWithAllItsProcesses) {
  std::vector<pid_t> frozen;
  {
    EmbeddedPostgres::Options options = OptionsFor(data_dir_);
    options.stop_grace = absl::Milliseconds(100);
    EmbeddedPostgres postgres(options, clock_);
    ASSERT_TRUE(postgres.Start().ok());
    frozen = FreezeWithChildren(PostmasterOf(data_dir_));
    ASSERT_GT(frozen.size(), 1u);
  }
  // One that was killed lets go of its files a moment before it is gone.
  for (const pid_t pid : frozen) EXPECT_TRUE(Eventually([&] { return !ProcessRuns(pid); })) << pid;
  EmbeddedPostgres again(OptionsFor(data_dir_), clock_);
  EXPECT_EQ(again.Start(), absl::OkStatus());
}

TEST_F(EmbeddedPostgresTest, NeverListensOnTcp) {
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  ASSERT_TRUE(postgres.Start().ok());
  EXPECT_EQ(Query(postgres.database_url(), "SHOW listen_addresses"), "");
}

TEST_F(EmbeddedPostgresTest, KeepsEveryCommitOnDisk) {
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  ASSERT_TRUE(postgres.Start().ok());
  EXPECT_EQ(Query(postgres.database_url(), "SHOW fsync"), "on");
  EXPECT_EQ(Query(postgres.database_url(), "SHOW synchronous_commit"), "on");
}

TEST_F(EmbeddedPostgresTest, TheSocketIsClosedToOtherUsers) {
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  ASSERT_TRUE(postgres.Start().ok());
  struct stat found;
  ASSERT_EQ(stat((data_dir_ + "/socket").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
  ASSERT_EQ(stat((data_dir_ + "/cluster").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
}

TEST_F(EmbeddedPostgresTest, NeverRunsAsRoot) {
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  ASSERT_TRUE(postgres.Start().ok());
  struct stat process;
  ASSERT_EQ(stat(("/proc/" + std::to_string(PostmasterOf(data_dir_))).c_str(), &process), 0);
  EXPECT_NE(process.st_uid, 0u);
}

TEST_F(EmbeddedPostgresTest, ASecondOneInTheSameFolderIsRefusedByName) {
  EmbeddedPostgres first(OptionsFor(data_dir_), clock_);
  ASSERT_TRUE(first.Start().ok());
  EmbeddedPostgres second(OptionsFor(data_dir_), clock_);
  const absl::Status status = second.Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("in use by another millrace-server"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::to_string(getpid())));
  EXPECT_EQ(Query(first.database_url(), "SELECT 1"), "1");
}

TEST_F(EmbeddedPostgresTest, APathTooLongForASocketStillWorksAndLeavesNothingOutside) {
  const std::string long_dir = folder_.path() + "/" + std::string(120, 'x');
  std::string socket_folder;
  {
    EmbeddedPostgres postgres(OptionsFor(long_dir), clock_);
    const absl::Status started = postgres.Start();
    ASSERT_TRUE(started.ok()) << started;
    socket_folder = Query(postgres.database_url(), "SHOW unix_socket_directories");
    EXPECT_THAT(socket_folder, Not(HasSubstr(long_dir)));
    EXPECT_EQ(Query(postgres.database_url(), "SELECT 1"), "1");
  }
  EXPECT_FALSE(fs::exists(socket_folder)) << socket_folder;
}

TEST_F(EmbeddedPostgresTest, APathWithQuotesBlanksAndCommasWorks) {
  const std::string odd_dir = folder_.path() + "/a b, 'c' \"d\" \\e";
  EmbeddedPostgres postgres(OptionsFor(odd_dir), clock_);
  const absl::Status started = postgres.Start();
  ASSERT_TRUE(started.ok()) << started;
  EXPECT_EQ(Query(postgres.database_url(), "SELECT 1"), "1");
}

TEST_F(EmbeddedPostgresTest, AStopBeforeTheStartCancelsIt) {
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  postgres.RequestStop();
  EXPECT_EQ(postgres.Start().code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(fs::exists(data_dir_));
}

TEST_F(EmbeddedPostgresTest, IsStartedAgainWhenPostgresDies) {
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  ASSERT_TRUE(postgres.Start().ok());
  const pid_t first = PostmasterOf(data_dir_);
  kill(first, SIGKILL);
  EXPECT_TRUE(Eventually([&] {
    try {
      return PostmasterOf(data_dir_) != first && Query(postgres.database_url(), "SELECT 1") == "1";
    } catch (const std::exception&) {
      return false;
    }
  }));
}

TEST_F(EmbeddedPostgresTest, PostgresEndsWithAKilledServerAndTheNextStartRecovers) {
  Host host({}, data_dir_);
  ASSERT_THAT(host.said(), Not(HasSubstr("error:")));
  Query(host.said(), "CREATE TABLE kept AS SELECT 7 AS n");
  const pid_t postmaster = PostmasterOf(data_dir_);
  host.Kill();
  EXPECT_TRUE(Eventually([&] { return !ProcessRuns(postmaster); }));
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  ASSERT_TRUE(postgres.Start().ok());
  EXPECT_EQ(Query(postgres.database_url(), "SELECT n FROM kept"), "7");
}

TEST_F(EmbeddedPostgresTest, AStartRightAfterAKillWaitsForTheOldPostgres) {
  Host host({}, data_dir_);
  ASSERT_THAT(host.said(), Not(HasSubstr("error:")));
  host.Kill();
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  ASSERT_TRUE(postgres.Start().ok());
  EXPECT_EQ(Query(postgres.database_url(), "SELECT 1"), "1");
}

TEST_F(EmbeddedPostgresTest, PostgresThatDoesNotEndBlocksTheNextStartWithAnError) {
  Host host({}, data_dir_);
  ASSERT_THAT(host.said(), Not(HasSubstr("error:")));
  const pid_t postmaster = PostmasterOf(data_dir_);
  kill(postmaster, SIGSTOP);
  host.Kill();
  EmbeddedPostgres::Options options = OptionsFor(data_dir_);
  options.patience = absl::Milliseconds(50);
  EmbeddedPostgres postgres(options, clock_);
  const absl::Status status = postgres.Start();
  EXPECT_THAT(std::string(status.message()), HasSubstr("has not ended"));
  kill(postmaster, SIGCONT);
  EXPECT_TRUE(Eventually([&] { return !ProcessRuns(postmaster); }));
}

// A host that is making its cluster.
class HalfwayHost : public Host {
 public:
  explicit HalfwayHost(const std::string& data_dir) : Host({}, data_dir) {
    EXPECT_TRUE(Eventually([&] { return fs::exists(data_dir + "/cluster.new/PG_VERSION"); }));
  }
};

TEST_F(EmbeddedPostgresTest, AStartRightAfterAKillDuringInitdbWaitsForTheOldInitdb) {
  HalfwayHost host(data_dir_);
  host.Kill();
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  ASSERT_EQ(postgres.Start(), absl::OkStatus());
  EXPECT_EQ(Query(postgres.database_url(), "SELECT 1"), "1");
}

TEST_F(EmbeddedPostgresTest, AnInitdbThatDoesNotEndBlocksTheNextStartWithAnError) {
  HalfwayHost host(data_dir_);
  const std::vector<pid_t> frozen = FreezeWithChildren(host.pid());
  ASSERT_EQ(frozen.size(), 2u);
  const pid_t initdb = frozen[1];
  host.Kill();
  EmbeddedPostgres::Options options = OptionsFor(data_dir_);
  options.patience = absl::Milliseconds(50);
  EmbeddedPostgres impatient(options, clock_);
  EXPECT_THAT(std::string(impatient.Start().message()), HasSubstr("has not ended"));
  kill(initdb, SIGCONT);
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  EXPECT_EQ(postgres.Start(), absl::OkStatus());
  EXPECT_FALSE(fs::exists(data_dir_ + "/cluster.new"));
}

TEST_F(EmbeddedPostgresTest, APidFileOfALivingForeignProcessDoesNotBlockTheStart) {
  {
    EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
    ASSERT_TRUE(postgres.Start().ok());
  }
  const std::string pid_file = data_dir_ + "/cluster/postmaster.pid";
  std::ofstream(pid_file) << getpid() << "\n" << data_dir_ << "/cluster\n";
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  const absl::Status started = postgres.Start();
  ASSERT_TRUE(started.ok()) << started;
}

TEST_F(EmbeddedPostgresTest, AHalfMadeClusterIsMadeAnew) {
  fs::create_directories(data_dir_);
  chmod(data_dir_.c_str(), 0755);
  // As a server that was killed during initdb leaves it.
  {
    absl::StatusOr<ProcessUser> user = FindDatabaseUser("postgres");
    ASSERT_TRUE(user.ok());
    auto directory = DataDirectory::Open(data_dir_, *user);
    ASSERT_TRUE(directory.ok());
    ASSERT_TRUE((*directory)->MakePrivateFolder((*directory)->new_cluster_path()).ok());
    std::ofstream((*directory)->new_cluster_path() + "/PG_VERSION") << "15\n";
  }
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  const absl::Status started = postgres.Start();
  ASSERT_TRUE(started.ok()) << started;
  EXPECT_FALSE(fs::exists(data_dir_ + "/cluster.new"));
}

// What only root meets, who gives the database another user; CMake leaves these out for others.
class EmbeddedPostgresAsRootTest : public EmbeddedPostgresTest {
 protected:
  void SetUp() override { ASSERT_TRUE(IsRoot()); }
};

TEST_F(EmbeddedPostgresAsRootTest, FoldersMadeUnderAStrictUmaskCanBePassed) {
  const mode_t before = umask(077);
  EmbeddedPostgres postgres(OptionsFor(data_dir_ + "/deep/below"), clock_);
  EXPECT_EQ(postgres.Start(), absl::OkStatus());
  umask(before);
}

TEST_F(EmbeddedPostgresAsRootTest, RunsUnderAnOrdinaryUser) {
  chmod(folder_.path().c_str(), 0777);
  Host host({"setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"}, data_dir_);
  ASSERT_THAT(host.said(), Not(HasSubstr("error:")));
  EXPECT_EQ(Query(host.said(), "SELECT 1"), "1");
  const pid_t postmaster = PostmasterOf(data_dir_);
  host.Kill();
  EXPECT_TRUE(Eventually([&] { return !ProcessRuns(postmaster); }));
}

TEST_F(EmbeddedPostgresAsRootTest, AnUnwritableFolderIsNamedToAnOrdinaryUser) {
  Host host({"setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"}, data_dir_);
  EXPECT_THAT(host.said(), HasSubstr("error: data directory " + data_dir_));
  EXPECT_THAT(host.said(), HasSubstr("Permission denied"));
  EXPECT_THAT(host.said(), HasSubstr("--data-dir"));
}

}  // namespace
}  // namespace millrace
