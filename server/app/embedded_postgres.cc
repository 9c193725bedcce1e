#include "server/app/embedded_postgres.h"

#include <poll.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/logging.h"
#include "server/base/named_thread.h"

namespace millrace {
namespace {

// How often the state of a PostgreSQL that starts, or of one that should end, is looked at.
constexpr absl::Duration kLook = absl::Milliseconds(10);
constexpr absl::Duration kFirstRestartDelay = absl::Seconds(1);
constexpr absl::Duration kLongestRestartDelay = absl::Seconds(30);
// For one that does not answer.
constexpr absl::Duration kShortStopGrace = absl::Seconds(2);
constexpr absl::Duration kReportWaits = absl::Seconds(10);

absl::Status Cancelled() { return absl::CancelledError("stopped before PostgreSQL was ready"); }

}  // namespace

EmbeddedPostgres::EmbeddedPostgres(Options options, Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

EmbeddedPostgres::~EmbeddedPostgres() {
  RequestStop();
  Join();
}

absl::Status EmbeddedPostgres::Start() {
  if (stop_.IsSet()) return Cancelled();
  thread_ = StartNamedThread("embedded-pg", [this] { Run(); });
  absl::Status status;
  {
    MutexLock lock(mutex_);
    while (!launch_status_.has_value()) launched_.Wait(mutex_);
    status = *launch_status_;
  }
  if (!status.ok()) thread_.join();
  return status;
}

void EmbeddedPostgres::RequestStop() { stop_.Set(); }

void EmbeddedPostgres::Join() {
  if (thread_.joinable()) thread_.join();
}

void EmbeddedPostgres::Run() {
  const absl::Status status = Launch();
  if (!status.ok()) LetGo();
  {
    MutexLock lock(mutex_);
    launch_status_ = status;
    launched_.NotifyAll();
  }
  if (!status.ok()) return;
  Supervise();
  LetGo();
}

absl::Status EmbeddedPostgres::Launch() {
  if (absl::Status prepared = Prepare(); !prepared.ok()) return prepared;
  if (!cluster_->exists()) {
    if (absl::Status created = CreateCluster(); !created.ok()) return created;
  }
  if (absl::Status started = StartServer(); !started.ok()) return started;
  database_url_ = cluster_->DatabaseUrl();
  return absl::OkStatus();
}

absl::Status EmbeddedPostgres::Prepare() {
  absl::StatusOr<ProcessUser> user = FindDatabaseUser(options_.unprivileged_user);
  if (!user.ok()) return user.status();
  // All that is likely to refuse the start comes before anything is made.
  auto programs = PostgresCluster::FindPrograms(options_.data_dir, *user, options_.programs_folder);
  if (!programs.ok()) return programs.status();
  absl::Status reachable =
      DataDirectory::CheckReachable(options_.data_dir, *user, programs->postgres());
  if (!reachable.ok()) return reachable;
  auto directory = DataDirectory::Open(options_.data_dir, *user);
  if (!directory.ok()) return directory.status();
  directory_ = *std::move(directory);
  cluster_.emplace(*directory_, *std::move(programs));
  return absl::OkStatus();
}

absl::Status EmbeddedPostgres::CreateCluster() {
  absl::StatusOr<FileLock> lock = WaitForPostgresLock();
  if (!lock.ok()) return lock.status();
  spdlog::info("creating a private PostgreSQL in {}", directory_->path());
  absl::StatusOr<ChildProcess> initdb = cluster_->StartCreating(*lock);
  if (!initdb.ok()) return Explain(std::string(initdb.status().message()));
  if (!initdb->WaitUntilEnded(absl::InfiniteDuration(), stop_.fd())) {
    initdb->KillAll();
    return Cancelled();
  }
  if (!initdb->succeeded()) {
    return Explain(absl::StrCat("initdb ended with ", initdb->ending()));
  }
  absl::Status finished = cluster_->FinishCreating();
  return finished.ok() ? finished : Explain(std::string(finished.message()));
}

absl::StatusOr<FileLock> EmbeddedPostgres::WaitForPostgresLock() {
  const absl::Duration deadline = clock_.Monotonic() + options_.patience;
  bool told = false;
  while (true) {
    absl::StatusOr<FileLock> lock = FileLock::TryAcquire(directory_->postgres_lock_path());
    if (!absl::IsAborted(lock.status())) return lock;
    if (clock_.Monotonic() >= deadline) {
      return absl::FailedPreconditionError(
          absl::StrCat("an earlier PostgreSQL in ", directory_->path(), " has not ended within ",
                       absl::FormatDuration(options_.patience), "; stop its processes"));
    }
    if (!told) spdlog::info("waiting until an earlier PostgreSQL has ended");
    told = true;
    if (WaitForStop(kLook)) return Cancelled();
  }
}

absl::Status EmbeddedPostgres::StartServer() {
  absl::StatusOr<FileLock> lock = WaitForPostgresLock();
  if (!lock.ok()) return lock.status();
  absl::StatusOr<ChildProcess> server = cluster_->StartServer(*lock, options_.max_connections);
  if (!server.ok()) return Explain(std::string(server.status().message()));
  server_.emplace(*std::move(server));
  return WaitUntilAccepting();
}

absl::Status EmbeddedPostgres::WaitUntilAccepting() {
  absl::Duration next_report = clock_.Monotonic() + kReportWaits;
  while (!cluster_->AcceptsConnections(server_->pid())) {
    if (server_->WaitUntilEnded(kLook, stop_.fd())) {
      return Explain(absl::StrCat("PostgreSQL ended with ", server_->ending()));
    }
    if (stop_.IsSet()) return Cancelled();
    if (clock_.Monotonic() >= next_report) {
      spdlog::info("PostgreSQL is still starting; it may be recovering from a crash");
      next_report += kReportWaits;
    }
  }
  spdlog::info("private PostgreSQL is ready in {}", directory_->path());
  return absl::OkStatus();
}

void EmbeddedPostgres::Supervise() {
  absl::Duration delay = kFirstRestartDelay;
  while (!stop_.IsSet()) {
    if (!server_->WaitUntilEnded(absl::InfiniteDuration(), stop_.fd())) continue;
    spdlog::error("PostgreSQL ended by itself with {}; starting it again", server_->ending());
    while (!WaitForStop(delay)) {
      const absl::Status started = StartServer();
      if (started.ok()) {
        delay = kFirstRestartDelay;
        break;
      }
      StopServer();
      delay = std::min(2 * delay, kLongestRestartDelay);
      spdlog::error("{}; trying again in {}", std::string(started.message()),
                    absl::FormatDuration(delay));
    }
  }
}

void EmbeddedPostgres::StopServer() {
  if (!server_.has_value()) return;
  const absl::Duration grace =
      hurry_ ? std::min(kShortStopGrace, options_.stop_grace) : options_.stop_grace;
  server_->Signal(SIGINT);
  if (!server_->WaitUntilEnded(grace, -1)) {
    spdlog::warn("PostgreSQL does not end; breaking it off, so that it recovers at its next start");
    server_->Signal(SIGQUIT);
    if (!server_->WaitUntilEnded(grace, -1)) server_->KillAll();
  }
  server_.reset();
}

void EmbeddedPostgres::LetGo() {
  StopServer();
  if (directory_ != nullptr) directory_->RemoveOutsideSocketFolder();
  cluster_.reset();
  directory_.reset();
}

bool EmbeddedPostgres::WaitForStop(absl::Duration timeout) {
  pollfd waited{stop_.fd(), POLLIN, 0};
  return poll(&waited, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout))) > 0;
}

absl::Status EmbeddedPostgres::Explain(const std::string& what) const {
  std::string why = cluster_->Complaint();
  if (why.empty()) why = what;
  const bool disk_full = absl::StrContains(why, "No space left on device");
  return absl::UnavailableError(
      absl::StrCat("private PostgreSQL in ", directory_->path(), ": ", why,
                   disk_full ? "; free some space, or name another folder with --data-dir"
                             : absl::StrCat("; see ", directory_->log_path())));
}

}  // namespace millrace
