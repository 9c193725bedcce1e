#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/app/child_process.h"
#include "server/app/data_directory.h"
#include "server/app/postgres_programs.h"

namespace millrace {

// The PostgreSQL cluster in a data directory: makes it, and starts its server. The caller waits for
// the processes. Owned by EmbeddedPostgres; `directory` outlives it. Used from one thread: the one
// that supervises PostgreSQL.
class PostgresCluster {
 public:
  // Finds programs that fit the cluster in `data_dir`, if there is one; makes nothing. Errors as
  // FindPostgresPrograms, and PERMISSION_DENIED if the cluster belongs to another user,
  // FAILED_PRECONDITION if it is none.
  static absl::StatusOr<PostgresPrograms> FindPrograms(const std::string& data_dir,
                                                       const ProcessUser& user,
                                                       const std::string& programs_folder);

  // REQUIRES: `programs` are what FindPrograms has found.
  PostgresCluster(const DataDirectory& directory, PostgresPrograms programs)
      : directory_(&directory), programs_(std::move(programs)) {}

  bool exists() const;

  // Starts initdb, into a folder beside the one that FinishCreating renames to. REQUIRES: no
  // process of an earlier one lives, which removes that folder when it is interrupted;
  // `postgres_lock` proves that, and all that this one starts will hold it.
  absl::StatusOr<ChildProcess> StartCreating(const FileLock& postgres_lock);
  // REQUIRES: initdb has succeeded.
  absl::Status FinishCreating();

  // Starts the server of the cluster. REQUIRES: no process of an earlier one lives, which
  // `postgres_lock` proves; all that this one starts will hold it.
  absl::StatusOr<ChildProcess> StartServer(const FileLock& postgres_lock, int max_connections);

  // Whether the server with that process id accepts connections.
  bool AcceptsConnections(pid_t server) const;

  // The first complaint of a fatal kind since the last start, or "" if there is none.
  std::string Complaint() const;

  // A connection string for the superuser of the cluster.
  std::string DatabaseUrl() const;

 private:
  absl::StatusOr<ChildProcess> StartProgram(std::vector<std::string> command, int inherited_fd);
  absl::Status RemoveStalePidFile() const;

  const DataDirectory* directory_;
  PostgresPrograms programs_;
  // Where in the log the last start began.
  int64_t log_start_ = 0;
};

}  // namespace millrace
