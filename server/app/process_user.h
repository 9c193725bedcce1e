#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace {

// Who a child process runs as. A plain value.
struct ProcessUser {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  // This process is root and gives the child another user; otherwise the child keeps ours.
  bool drops_privileges = false;
};

// Who an embedded PostgreSQL runs as: the user of this process or, since PostgreSQL refuses to run
// as root, `unprivileged` where this process is root. FAILED_PRECONDITION if that user, or an entry
// of this process's user in the user database, does not exist.
absl::StatusOr<ProcessUser> FindDatabaseUser(const std::string& unprivileged);

}  // namespace millrace
