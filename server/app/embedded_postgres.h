#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/app/child_process.h"
#include "server/app/data_directory.h"
#include "server/app/postgres_cluster.h"
#include "server/app/wake_fd.h"
#include "server/base/clock.h"
#include "server/base/lifecycle.h"
#include "server/base/mutex.h"

namespace millrace {

// A private PostgreSQL that lives as long as this server: made in a data directory at the first
// start and found again at the next, reached by one Unix socket that nobody but its user and root
// can open, never on TCP.
//
// One thread does everything: it makes the cluster, starts PostgreSQL, starts it again if it ends
// by itself, and stops it. PostgreSQL is tied to that thread by the kernel, so it ends when this
// process is killed; a next server waits until it has, and PostgreSQL then recovers by itself.
// Locks prove that no other server and no other PostgreSQL uses the directory.
//
// Owned by the service graph; stopped last. Thread-safe.
class EmbeddedPostgres final : public Lifecycle {
 public:
  struct Options {
    // Made if there is none.
    std::string data_dir;
    // Where initdb and postgres are; empty means that they are looked for.
    std::string programs_folder;
    // Who PostgreSQL runs as where this process is root.
    std::string unprivileged_user = "postgres";
    int max_connections = 64;
    // How long one that a killed server has left behind, or its initdb, may take to end.
    absl::Duration patience = absl::Seconds(60);
    // How long sessions may take to end at the stop, before they are broken off.
    absl::Duration stop_grace = absl::Seconds(30);
  };

  EmbeddedPostgres(Options options, Clock& clock);
  ~EmbeddedPostgres() override;

  // Returns when PostgreSQL accepts connections. Each error is one line that says what is wrong and
  // how to mend it. CANCELLED if RequestStop came first.
  absl::Status Start() override;
  void RequestStop() override;
  void Join() override;

  // PostgreSQL does not answer: its stop waits only for a moment before it is broken off.
  void HurryStop() { hurry_ = true; }

  // REQUIRES: Start has succeeded. A connection string; it holds no secret.
  const std::string& database_url() const { return database_url_; }

 private:
  // All in the thread.
  void Run();
  absl::Status Launch();
  absl::Status Prepare();
  absl::Status CreateCluster();
  absl::StatusOr<FileLock> WaitForPostgresLock();
  absl::Status StartServer();
  absl::Status WaitUntilAccepting();
  void Supervise();
  void StopServer();
  void LetGo();
  bool WaitForStop(absl::Duration timeout);
  absl::Status Explain(const std::string& what) const;

  // Constant after construction; the URL after Start.
  const Options options_;
  Clock& clock_;
  std::string database_url_;
  WakeFd stop_;
  std::atomic<bool> hurry_{false};

  // Used from the thread.
  std::unique_ptr<DataDirectory> directory_;
  std::optional<PostgresCluster> cluster_;
  std::optional<ChildProcess> server_;

  Mutex mutex_;
  CondVar launched_;
  std::optional<absl::Status> launch_status_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace millrace
