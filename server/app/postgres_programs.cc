#include "server/app/postgres_programs.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/app/child_process.h"
#include "server/app/unique_fd.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr char kDebianFolder[] = "/usr/lib/postgresql";
constexpr char kHowToMend[] =
    "install the package postgresql, name their folder with --postgres-bin-dir, or name a database "
    "with --database-url";

bool HoldsPrograms(const std::string& folder) {
  return access((folder + "/initdb").c_str(), X_OK) == 0 &&
         access((folder + "/postgres").c_str(), X_OK) == 0;
}

// Asks the program itself, which works everywhere. 0 if it does not answer this user.
int AskMajorVersion(const std::string& program, const ProcessUser& user) {
  UniqueFd output(memfd_create("version", MFD_CLOEXEC));
  ChildProcess::Options options;
  options.command = {program, "--version"};
  options.working_directory = std::string("/");
  options.user = user;
  options.output_fd = output.get();
  absl::StatusOr<ChildProcess> child = ChildProcess::Start(options);
  if (!child.ok()) return 0;
  child->WaitUntilEnded(absl::InfiniteDuration(), -1);
  std::array<char, 256> line{};
  if (!child->succeeded() || pread(output.get(), line.data(), line.size() - 1, 0) <= 0) return 0;
  int major = 0;
  // Such as "postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)".
  return sscanf(line.data(), "postgres (PostgreSQL) %d", &major) == 1 ? major : 0;
}

// Debian's folders, the newest version first.
std::vector<std::string> DebianFolders() {
  std::vector<std::pair<int, std::string>> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(kDebianFolder, error)) {
    int version = 0;
    const bool is_version = absl::SimpleAtoi(entry.path().filename().string(), &version);
    const std::string folder = entry.path().string() + "/bin";
    if (is_version && HoldsPrograms(folder)) found.emplace_back(-version, folder);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> folders;
  for (auto& [version, folder] : found) folders.push_back(std::move(folder));
  return folders;
}

std::vector<std::string> PathFolders() {
  std::vector<std::string> folders;
  const char* path = std::getenv("PATH");
  const std::vector<std::string> named = absl::StrSplit(path == nullptr ? "" : path, ':');
  for (const std::string& folder : named) {
    if (!folder.empty() && folder[0] == '/' && HoldsPrograms(folder)) folders.push_back(folder);
  }
  return folders;
}

absl::Status NothingFound() {
  return absl::NotFoundError(absl::StrCat("no PostgreSQL programs (initdb, postgres) in ",
                                          kDebianFolder, "/*/bin or PATH; ", kHowToMend));
}

}  // namespace

absl::StatusOr<PostgresPrograms> FindPostgresPrograms(const std::string& folder, int wanted_major,
                                                      const ProcessUser& user) {
  std::vector<std::string> folders = {folder};
  if (folder.empty()) {
    folders = DebianFolders();
    for (std::string& other : PathFolders()) folders.push_back(std::move(other));
    if (folders.empty()) return NothingFound();
  } else if (!HoldsPrograms(folder)) {
    return absl::NotFoundError(
        absl::StrCat(folder,
                     " does not hold the programs initdb and postgres; name the folder that "
                     "does, or leave out --postgres-bin-dir and have them looked for"));
  }
  std::string seen;
  for (const std::string& candidate : folders) {
    const int version = AskMajorVersion(candidate + "/postgres", user);
    if (version != 0 && (wanted_major == 0 || version == wanted_major)) {
      return PostgresPrograms{candidate, version};
    }
    absl::StrAppend(&seen, seen.empty() ? "" : ", ", candidate, " holds ",
                    version == 0 ? absl::StrCat("a program that user ", user.name, " cannot run")
                                 : absl::StrCat("version ", version));
  }
  if (wanted_major == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("no usable PostgreSQL: ", seen, "; ", kHowToMend));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the cluster is of PostgreSQL ", wanted_major, ", but ", seen, "; install PostgreSQL ",
      wanted_major, ", or bring the cluster to the other version with pg_upgrade"));
}

}  // namespace millrace
