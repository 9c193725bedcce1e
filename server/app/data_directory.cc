#include "server/app/data_directory.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/app/child_process.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr char kHowToMend[] =
    "name a writable folder with --data-dir, or a database with --database-url";
constexpr char kSocketFile[] = "/.s.PGSQL.5432";
// The kernel's limit for the path of a Unix socket, less the final zero byte.
constexpr size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;

absl::Status Unusable(const std::string& path, const std::string& why) {
  return absl::FailedPreconditionError(
      absl::StrCat("data directory ", path, ": ", why, "; ", kHowToMend));
}

// Connection strings have no way to write a comma within the name of a host.
bool FitsSocket(const std::string& folder) {
  return folder.size() + strlen(kSocketFile) <= kMaxSocketPath &&
         folder.find(',') == std::string::npos;
}

// The same data directory always gives the same folder, so that nothing is left behind.
std::string ShortSocketFolder(const std::string& path, uid_t uid) {
  return absl::StrFormat("/tmp/millrace-%d-%016x", uid, std::hash<std::string>()(path));
}

absl::Status TryToEnter(const fs::path& folder, const ProcessUser& user,
                        const std::string& program) {
  ChildProcess::Options options;
  options.command = {program, "--version"};
  options.working_directory = folder.string();
  options.user = user;
  absl::StatusOr<ChildProcess> child = ChildProcess::Start(options);
  if (child.ok()) child->WaitUntilEnded(absl::InfiniteDuration(), -1);
  return child.status();
}

// Makes the folder, and those above it, where there are none; `path` is left closed to others but
// for the database's user, who must be able to pass through all of them.
std::error_code MakeFolders(const std::string& path, const ProcessUser& user) {
  std::error_code error;
  std::vector<fs::path> missing;
  for (fs::path folder = fs::absolute(path); !fs::exists(folder, error);
       folder = folder.parent_path()) {
    missing.push_back(folder);
  }
  fs::create_directories(path, error);
  if (error || missing.empty()) return error;
  if (user.drops_privileges) {
    for (const fs::path& made : missing) {
      fs::permissions(made, fs::perms::group_exec | fs::perms::others_exec, fs::perm_options::add,
                      error);
    }
  }
  chmod(path.c_str(), user.drops_privileges ? 0711 : 0700);
  return error;
}

std::string ReadFirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

DataDirectory::DataDirectory(std::string path, ProcessUser user)
    : path_(std::move(path)), user_(std::move(user)) {}

absl::Status DataDirectory::CheckReachable(const std::string& path, const ProcessUser& user,
                                           const std::string& program) {
  // What this process itself cannot reach, Open finds.
  if (!user.drops_privileges) return absl::OkStatus();
  std::error_code error;
  fs::path folder = fs::absolute(path);
  while (!fs::is_directory(folder, error)) folder = folder.parent_path();
  folder = fs::canonical(folder, error);
  if (error) return Unusable(path, error.message());
  const absl::Status entered = TryToEnter(folder, user, program);
  if (!absl::IsPermissionDenied(entered)) return entered;
  fs::path closed;
  for (const fs::path& part : folder) {
    closed /= part;
    if (!TryToEnter(closed, user, program).ok()) break;
  }
  return absl::PermissionDeniedError(absl::StrCat(
      "data directory ", path, ": user ", user.name, " cannot enter ", closed.string(),
      "; open it to that user (chmod o+x ", closed.string(), "), or name another --data-dir"));
}

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::Open(const std::string& path,
                                                                   const ProcessUser& user) {
  std::error_code error = MakeFolders(path, user);
  if (error) return Unusable(path, absl::StrCat("cannot be created (", error.message(), ")"));
  const std::string canonical = fs::canonical(path, error).string();
  if (error) return Unusable(path, error.message());
  std::unique_ptr<DataDirectory> directory(new DataDirectory(canonical, user));
  if (absl::Status locked = directory->LockForThisServer(); !locked.ok()) return locked;
  if (absl::Status ready = directory->PrepareSocketFolder(); !ready.ok()) return ready;
  return directory;
}

absl::Status DataDirectory::LockForThisServer() {
  const std::string lock_path = path_ + "/server.lock";
  absl::StatusOr<FileLock> lock = FileLock::TryAcquire(lock_path);
  if (absl::IsAborted(lock.status())) {
    return absl::FailedPreconditionError(absl::StrCat(
        "data directory ", path_, " is in use by another millrace-server (process ",
        ReadFirstLine(lock_path), "); stop that one, or give this one another --data-dir"));
  }
  if (!lock.ok()) return Unusable(path_, std::string(lock.status().message()));
  server_lock_ = *std::move(lock);
  absl::Status written = server_lock_.Write(absl::StrCat(getpid(), "\n"));
  if (!written.ok()) return Unusable(path_, std::string(written.message()));
  return absl::OkStatus();
}

absl::Status DataDirectory::PrepareSocketFolder() {
  socket_path_ = path_ + "/socket";
  if (!FitsSocket(socket_path_)) socket_path_ = ShortSocketFolder(path_, user_.uid);
  absl::Status made = MakePrivateFolder(socket_path_);
  if (!made.ok()) return Unusable(path_, std::string(made.message()));
  return absl::OkStatus();
}

absl::Status DataDirectory::MakePrivateFolder(const std::string& path) const {
  const bool made = mkdir(path.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot create ", path));
  }
  if (made && user_.drops_privileges && lchown(path.c_str(), user_.uid, user_.gid) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot give ", path, " to ", user_.name));
  }
  struct stat found;
  if (lstat(path.c_str(), &found) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot look at ", path));
  }
  if (!S_ISDIR(found.st_mode) || found.st_uid != user_.uid) {
    return absl::PermissionDeniedError(absl::StrCat(path, " is not a folder of user ", user_.name));
  }
  if ((found.st_mode & 077) != 0 && chmod(path.c_str(), 0700) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot close ", path, " to other users"));
  }
  return absl::OkStatus();
}

absl::Status DataDirectory::RemoveOldSockets() const {
  for (const char* suffix : {"", ".lock"}) {
    const std::string path = absl::StrCat(socket_path_, kSocketFile, suffix);
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot remove ", path));
    }
  }
  return absl::OkStatus();
}

void DataDirectory::RemoveOutsideSocketFolder() const {
  if (socket_path_ != path_ + "/socket") rmdir(socket_path_.c_str());
}

}  // namespace millrace
