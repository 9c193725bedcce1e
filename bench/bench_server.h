#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/library/connection.h"
#include "client/library/worker_pool_client.h"

namespace millrace::bench {

// What is said to the server of a workload. A plain value.
struct ServerSettings {
  // The program millrace-bench-server.
  std::string program;
  // A folder for its socket; its path must be short.
  std::string socket_dir = "/tmp";
  int concurrency = 10;
  int queue_size = 50;
};

// millrace-bench-server in a process of its own, with its pool not started. It is killed with this
// object, or by the kernel when the thread that started it ends. Used from one thread.
class BenchServer {
 public:
  // Waits until it answers. INTERNAL if it does not start.
  static absl::StatusOr<std::unique_ptr<BenchServer>> Start(const ServerSettings& settings,
                                                            const std::string& database_url,
                                                            const std::string& schema);
  ~BenchServer();
  BenchServer(const BenchServer&) = delete;
  BenchServer& operator=(const BenchServer&) = delete;

  pid_t pid() const { return pid_; }
  client::WorkerPoolClient& pool() { return *pool_; }
  const client::Connection& connection() const { return *connection_; }

  // Stops it in order and waits for it. INTERNAL if it did not end with exit code 0.
  absl::Status Stop();

 private:
  BenchServer() = default;
  bool HasEnded();

  pid_t pid_ = 0;  // 0 once it was waited for
  int wait_status_ = 0;
  std::string socket_;
  std::unique_ptr<client::Connection> connection_;
  std::unique_ptr<client::WorkerPoolClient> pool_;
};

}  // namespace millrace::bench
