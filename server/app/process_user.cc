#include "server/app/process_user.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <array>

#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

std::vector<gid_t> GroupsOf(const std::string& name, gid_t gid) {
  int count = 64;
  std::vector<gid_t> groups(count);
  if (getgrouplist(name.c_str(), gid, groups.data(), &count) < 0) {
    groups.resize(count);
    getgrouplist(name.c_str(), gid, groups.data(), &count);
  }
  groups.resize(count);
  return groups;
}

}  // namespace

absl::StatusOr<ProcessUser> FindDatabaseUser(const std::string& unprivileged) {
  const uid_t own_uid = geteuid();
  const bool is_root = own_uid == 0;
  passwd entry;
  passwd* found = nullptr;
  std::array<char, 16384> buffer;
  if (is_root) {
    getpwnam_r(unprivileged.c_str(), &entry, buffer.data(), buffer.size(), &found);
  } else {
    getpwuid_r(own_uid, &entry, buffer.data(), buffer.size(), &found);
  }
  if (found == nullptr) {
    return absl::FailedPreconditionError(
        is_root
            ? absl::StrCat("PostgreSQL does not run as root, and there is no user \"", unprivileged,
                           "\" to run it as; create that user, start this server as another one, "
                           "or name a database with --database-url")
            : absl::StrCat("PostgreSQL needs a name for user id ", own_uid,
                           ", which has no entry in /etc/passwd; add one, or name a database with "
                           "--database-url"));
  }
  ProcessUser user;
  user.name = found->pw_name;
  user.uid = found->pw_uid;
  user.gid = found->pw_gid;
  user.groups = GroupsOf(user.name, user.gid);
  user.drops_privileges = is_root;
  return user;
}

}  // namespace millrace
