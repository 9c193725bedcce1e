#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "server/app/process_user.h"

namespace millrace {

// The programs of one PostgreSQL installation. A plain value.
struct PostgresPrograms {
  std::string folder;
  int major_version = 0;

  std::string initdb() const { return folder + "/initdb"; }
  std::string postgres() const { return folder + "/postgres"; }
};

// Finds initdb and postgres: in `folder` if it is not empty; otherwise of version `wanted_major`
// (0 means any, the newest first) in Debian's folders and then in PATH. NOT_FOUND if there are
// none; FAILED_PRECONDITION if `user` cannot run them or they are of another version than the
// wanted one.
absl::StatusOr<PostgresPrograms> FindPostgresPrograms(const std::string& folder, int wanted_major,
                                                      const ProcessUser& user);

}  // namespace millrace
