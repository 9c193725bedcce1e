#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/app/file_lock.h"
#include "server/app/process_user.h"

namespace millrace {

// The folder of an embedded PostgreSQL, held by one server at a time:
//
//   server.lock     held by the server itself
//   postgres.lock   held by every process of the PostgreSQL in it, and of the initdb that makes it
//   cluster/        PostgreSQL's own data directory
//   socket/         the Unix socket, unless the path would be too long for one
//   postgresql.log  what PostgreSQL says
//
// Only cluster/ and socket/ belong to the database's user. Owned by EmbeddedPostgres; the server
// lock goes with it. Thread-compatible.
class DataDirectory {
 public:
  // Whether `user` can come to the folder `path`, or to what there is of it; makes nothing.
  // PERMISSION_DENIED names the folder that is in the way and how to open it. REQUIRES: `program`
  // is one that the user can run with --version.
  static absl::Status CheckReachable(const std::string& path, const ProcessUser& user,
                                     const std::string& program);

  // Makes the folder if there is none, takes the server lock and prepares the socket folder. Every
  // error says what is wrong and how to mend it; FAILED_PRECONDITION if another server holds it.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Open(const std::string& path,
                                                             const ProcessUser& user);

  const std::string& path() const { return path_; }
  const ProcessUser& user() const { return user_; }
  std::string cluster_path() const { return ClusterPathIn(path_); }
  static std::string ClusterPathIn(const std::string& data_dir) { return data_dir + "/cluster"; }
  std::string new_cluster_path() const { return path_ + "/cluster.new"; }
  std::string postgres_lock_path() const { return path_ + "/postgres.lock"; }
  std::string log_path() const { return path_ + "/postgresql.log"; }
  const std::string& socket_path() const { return socket_path_; }

  // Makes an empty folder that belongs to the database's user and that no one else can enter.
  // PERMISSION_DENIED if there is one that belongs to somebody else.
  absl::Status MakePrivateFolder(const std::string& path) const;

  // REQUIRES: the postgres lock is held. Removes sockets that a killed PostgreSQL has left.
  absl::Status RemoveOldSockets() const;

  // Removes the socket folder where it is outside of this one. Call it when PostgreSQL has ended.
  void RemoveOutsideSocketFolder() const;

 private:
  DataDirectory(std::string path, ProcessUser user);

  absl::Status LockForThisServer();
  absl::Status PrepareSocketFolder();

  // Constant after Open.
  std::string path_;
  ProcessUser user_;
  std::string socket_path_;
  FileLock server_lock_;
};

}  // namespace millrace
