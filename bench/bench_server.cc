#include "bench/bench_server.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace millrace::bench {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(20);
constexpr absl::Duration kStartTimeout = absl::Seconds(60);

// Its standard output becomes our standard error: ours is for the figures.
pid_t Spawn(std::vector<std::string> command) {
  std::vector<char*> arguments;
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  execv(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<BenchServer>> BenchServer::Start(const ServerSettings& settings,
                                                                const std::string& database_url,
                                                                const std::string& schema) {
  std::unique_ptr<BenchServer> server(new BenchServer);
  server->socket_ = absl::StrCat(settings.socket_dir, "/bench-", getpid(), ".sock");
  auto connection = client::Connection::Create({.address = "unix:" + server->socket_});
  if (!connection.ok()) return connection.status();
  server->connection_ = *std::move(connection);
  server->pool_ = std::make_unique<client::WorkerPoolClient>(*server->connection_);
  server->pid_ =
      Spawn({settings.program, "--database-url", database_url, "--schema", schema, "--listen",
             "unix:" + server->socket_, "--metrics-listen", "off", "--no-autostart", "--log-level",
             "warn", "--concurrency", absl::StrCat(settings.concurrency), "--queue-size",
             absl::StrCat(settings.queue_size)});
  if (server->pid_ < 0)
    return absl::InternalError(absl::StrCat("cannot fork: ", std::strerror(errno)));
  const absl::Time deadline = absl::Now() + kStartTimeout;
  while (!server->pool_->Stats().ok()) {
    if (server->HasEnded()) {
      return absl::InternalError(
          absl::StrCat(settings.program, " did not start; what it says stands above"));
    }
    if (absl::Now() > deadline)
      return absl::InternalError(absl::StrCat(settings.program, " does not answer"));
    absl::SleepFor(kPause);
  }
  return server;
}

BenchServer::~BenchServer() {
  if (pid_ > 0 && !HasEnded()) {
    kill(pid_, SIGKILL);
    waitpid(pid_, &wait_status_, 0);
  }
  unlink(socket_.c_str());
}

bool BenchServer::HasEnded() {
  if (pid_ > 0 && waitpid(pid_, &wait_status_, WNOHANG) == pid_) pid_ = 0;
  return pid_ == 0;
}

absl::Status BenchServer::Stop() {
  if (!HasEnded()) {
    kill(pid_, SIGTERM);
    waitpid(pid_, &wait_status_, 0);
    pid_ = 0;
  }
  if (WIFEXITED(wait_status_) && WEXITSTATUS(wait_status_) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("the server ended with wait status ", wait_status_));
}

}  // namespace millrace::bench
