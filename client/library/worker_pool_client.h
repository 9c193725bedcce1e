#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/library/connection.h"
#include "client/library/pool_records.h"

namespace millrace::client {

// Operates the worker pool of a server.
//
// Errors of every call: UNAVAILABLE if the server cannot be reached, DEADLINE_EXCEEDED if the
// options' deadline passed (the call may have taken effect all the same), and those of the server
// with its message. Made from a connection that outlives it. Thread-safe.
class WorkerPoolClient {
 public:
  explicit WorkerPoolClient(const Connection& connection);
  ~WorkerPoolClient();

  // FAILED_PRECONDITION if the pool runs already.
  absl::StatusOr<StartedPool> Start();

  // Lets running handlers end until `timeout` (nothing: the server's default), then asks the rest
  // to stop. Blocks until that is done: it may take the timeout and the options' deadline. Without
  // a timeout it waits as long as the server takes. FAILED_PRECONDITION if the pool does not run.
  absl::StatusOr<StopReport> Stop(std::optional<absl::Duration> timeout);

  // Asks every running handler to stop, now; returns how many. FAILED_PRECONDITION if the pool
  // does not run.
  absl::StatusOr<int> ForceStop();

  absl::StatusOr<PoolStats> Stats();

  // The identity under which the pool of this server process claims jobs.
  absl::StatusOr<std::string> WorkerId();

 private:
  // Holds the generated stub, which stays out of this header.
  struct Wire;

  // Constant after construction.
  const absl::Duration deadline_;
  const std::unique_ptr<Wire> wire_;
};

}  // namespace millrace::client
