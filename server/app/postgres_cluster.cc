#include "server/app/postgres_cluster.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

// At the next start a log beyond this is put aside, and the one put aside before is dropped.
constexpr int64_t kMaxLogBytes = 16 * 1024 * 1024;

// Entered into postgresql.conf when the cluster is made; whoever runs it may change them there.
constexpr char kSettings[] = R"(
# A private database of one server on the same machine: small, durable, without replicas.
shared_buffers = 128MB
max_wal_size = 2GB
wal_level = minimal
max_wal_senders = 0
wal_compression = on
fsync = on
synchronous_commit = on
jit = off
max_parallel_workers_per_gather = 0
log_checkpoints = off
log_timezone = 'UTC'
timezone = 'UTC'
# Not "$user": tables of tasks do not belong among the queue's own.
search_path = 'public'
)";

std::vector<std::string> ReadLines(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(std::move(line));
  return lines;
}

// Whether a PostgreSQL that was started by hand uses the cluster: one that does not hold our lock.
bool RunsInCluster(const std::string& pid, const std::string& cluster) {
  std::error_code error;
  const fs::path where = fs::read_symlink(absl::StrCat("/proc/", pid, "/cwd"), error);
  return !error && where == cluster;
}

// Writes a folder, or with `whole_file_system` all that is on its disk, through to the disk.
absl::Status FlushToDisk(const std::string& path, bool whole_file_system) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.ok() || (whole_file_system ? syncfs(fd.get()) : fsync(fd.get())) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot flush ", path));
  }
  return absl::OkStatus();
}

// The file belongs to the database's user, and this process may be root: no link is followed.
absl::Status AppendSettings(const std::string& path, uid_t owner) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
  struct stat found;
  if (!fd.ok() || fstat(fd.get(), &found) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  }
  if (!S_ISREG(found.st_mode) || found.st_uid != owner || found.st_nlink != 1) {
    return absl::PermissionDeniedError(absl::StrCat(path, " is not what initdb has made"));
  }
  const std::string_view settings = kSettings;
  if (write(fd.get(), settings.data(), settings.size()) != static_cast<ssize_t>(settings.size()) ||
      fsync(fd.get()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  }
  return absl::OkStatus();
}

// A value in a connection string of keywords.
std::string Quoted(const std::string& value) {
  return absl::StrCat("'", absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

}  // namespace

absl::StatusOr<PostgresPrograms> PostgresCluster::FindPrograms(const std::string& data_dir,
                                                               const ProcessUser& user,
                                                               const std::string& programs_folder) {
  const std::string cluster = DataDirectory::ClusterPathIn(data_dir);
  int cluster_version = 0;
  struct stat found;
  if (lstat(cluster.c_str(), &found) == 0) {
    if (found.st_uid != user.uid) {
      return absl::PermissionDeniedError(absl::StrCat(
          "data directory ", data_dir, " belongs to user id ", found.st_uid, ", not to ", user.name,
          "; start the server as that user, or name another --data-dir"));
    }
    const auto lines = ReadLines(cluster + "/PG_VERSION");
    if (lines.empty() || !absl::SimpleAtoi(lines[0], &cluster_version)) {
      return absl::FailedPreconditionError(absl::StrCat(
          cluster, " is not a PostgreSQL cluster; name another folder with --data-dir"));
    }
  }
  absl::StatusOr<PostgresPrograms> programs =
      FindPostgresPrograms(programs_folder, cluster_version, user);
  if (programs.ok()) return programs;
  return absl::Status(
      programs.status().code(),
      absl::StrCat("data directory ", data_dir, ": ", std::string(programs.status().message())));
}

bool PostgresCluster::exists() const { return fs::exists(directory_->cluster_path()); }

absl::StatusOr<ChildProcess> PostgresCluster::StartProgram(std::vector<std::string> command,
                                                           int inherited_fd) {
  const std::string log_path = directory_->log_path();
  struct stat found;
  if (stat(log_path.c_str(), &found) == 0 && found.st_size > kMaxLogBytes) {
    rename(log_path.c_str(), (log_path + ".old").c_str());
  }
  UniqueFd log(
      open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!log.ok()) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", log_path));
  log_start_ = lseek(log.get(), 0, SEEK_END);
  ChildProcess::Options options;
  options.command = std::move(command);
  options.working_directory = directory_->path();
  options.user = directory_->user();
  options.output_fd = log.get();
  options.inherited_fd = inherited_fd;
  return ChildProcess::Start(options);
}

absl::StatusOr<ChildProcess> PostgresCluster::StartCreating(const FileLock& postgres_lock) {
  const std::string path = directory_->new_cluster_path();
  std::error_code error;
  fs::remove_all(path, error);
  if (error) {
    return absl::InternalError(absl::StrCat("cannot remove ", path, ": ", error.message()));
  }
  if (absl::Status made = directory_->MakePrivateFolder(path); !made.ok()) return made;
  return StartProgram({programs_.initdb(), "--pgdata=" + path, "--username=millrace",
                       "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"},
                      postgres_lock.fd());
}

absl::Status PostgresCluster::FinishCreating() {
  const std::string made = directory_->new_cluster_path();
  absl::Status status = AppendSettings(made + "/postgresql.conf", directory_->user().uid);
  if (!status.ok()) return status;
  // The name says that the cluster is whole, so what it holds is on the disk before.
  if (absl::Status flushed = FlushToDisk(made, true); !flushed.ok()) return flushed;
  if (rename(made.c_str(), directory_->cluster_path().c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot rename ", made));
  }
  return FlushToDisk(directory_->path(), false);
}

absl::Status PostgresCluster::RemoveStalePidFile() const {
  const std::string path = directory_->cluster_path() + "/postmaster.pid";
  const std::vector<std::string> lines = ReadLines(path);
  if (!lines.empty() && RunsInCluster(lines[0], directory_->cluster_path())) {
    return absl::FailedPreconditionError(
        absl::StrCat("data directory ", directory_->path(), " is in use by a PostgreSQL (process ",
                     lines[0], ") that was started by other means; stop it"));
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot remove ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<ChildProcess> PostgresCluster::StartServer(const FileLock& postgres_lock,
                                                          int max_connections) {
  if (absl::Status removed = RemoveStalePidFile(); !removed.ok()) return removed;
  if (absl::Status removed = directory_->RemoveOldSockets(); !removed.ok()) return removed;
  // What keeps the database private stands on the command line, where no file can change it.
  const std::string folder =
      absl::StrCat("\"", absl::StrReplaceAll(directory_->socket_path(), {{"\"", "\"\""}}), "\"");
  return StartProgram(
      {programs_.postgres(), "-D", directory_->cluster_path(), "-c", "listen_addresses=", "-c",
       "port=5432", "-c", "unix_socket_directories=" + folder, "-c", "unix_socket_permissions=0700",
       "-c", "logging_collector=off", "-c", "log_destination=stderr", "-c",
       absl::StrCat("max_connections=", max_connections)},
      postgres_lock.fd());
}

bool PostgresCluster::AcceptsConnections(pid_t server) const {
  // The eighth line tells the state; see "postmaster.pid" in PostgreSQL's documentation of files.
  const auto lines = ReadLines(directory_->cluster_path() + "/postmaster.pid");
  return lines.size() >= 8 && lines[0] == absl::StrCat(server) &&
         absl::StartsWith(lines[7], "ready");
}

std::string PostgresCluster::Complaint() const {
  std::ifstream log(directory_->log_path());
  log.seekg(log_start_);
  for (std::string line; std::getline(log, line);) {
    for (const std::string_view kind : {"FATAL:", "PANIC:", "error:"}) {
      const size_t at = line.find(kind);
      if (at == std::string::npos) continue;
      return std::string(absl::StripAsciiWhitespace(line.substr(at + kind.size())));
    }
  }
  return "";
}

std::string PostgresCluster::DatabaseUrl() const {
  return absl::StrCat("host=", Quoted(directory_->socket_path()),
                      " port=5432 user=millrace dbname=postgres");
}

}  // namespace millrace
