#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/library/connection.h"
#include "client/library/pool_records.h"

namespace millrace::client {

// Operates the worker pool of a server, or through it another one that shares its database, or all
// of them.
//
// Errors of every call: UNAVAILABLE if the server cannot be reached, DEADLINE_EXCEEDED if the
// options' deadline passed (the call may have taken effect all the same), and those of the server
// with its message. A call that names another pool besides fails with NOT_FOUND if there is none of
// this worker id, UNAVAILABLE if its server does not take the request or is lost, DEADLINE_EXCEEDED
// if it has taken it and does not answer in time. A call that changes something and names its pool,
// or all, is made again while the server that is reached is UNAVAILABLE, and each pool does it
// once; one that names none is made once, since it is about whichever server it reaches. Made from
// a connection that outlives it. Thread-safe.
class WorkerPoolClient {
 public:
  explicit WorkerPoolClient(const Connection& connection);
  ~WorkerPoolClient();

  // Of the calls below, `worker_id` names another pool; empty means that of the server itself.
  // `save` keeps it for the servers of this pool that start later. Those for all ask every pool,
  // and have a reply for each, by name.

  // FAILED_PRECONDITION if the pool runs already.
  absl::StatusOr<StartedPool> Start(const std::string& worker_id = "", bool save = false);
  absl::StatusOr<std::vector<PoolReply<StartedPool>>> StartAll(bool save = false);

  // Lets running handlers end until `timeout` (nothing: the server's default), then asks the rest
  // to stop. Blocks until that is done, for StopDeadline at most: what has begun goes on at the
  // server then. FAILED_PRECONDITION if the pool does not run.
  absl::StatusOr<StopReport> Stop(std::optional<absl::Duration> timeout,
                                  const std::string& worker_id = "", bool save = false);
  absl::StatusOr<std::vector<PoolReply<StopReport>>> StopAll(std::optional<absl::Duration> timeout,
                                                             bool save = false);

  // How long a stop with this timeout may take: see ClientOptions. Infinite if only the server
  // knows.
  absl::Duration StopDeadline(std::optional<absl::Duration> timeout) const;

  // Asks every running handler to stop, now; returns how many. FAILED_PRECONDITION if the pool
  // does not run.
  absl::StatusOr<int> ForceStop(const std::string& worker_id = "");
  absl::StatusOr<std::vector<PoolReply<int>>> ForceStopAll();

  absl::StatusOr<PoolStats> Stats(const std::string& worker_id = "");
  absl::StatusOr<std::vector<PoolReply<PoolStats>>> StatsAll();

  // Changes the pool, whether it runs or not. INVALID_ARGUMENT naming every bad field.
  absl::StatusOr<ChangedPool> Update(const PoolChange& change, const std::string& worker_id = "");
  absl::StatusOr<std::vector<PoolReply<ChangedPool>>> UpdateAll(const PoolChange& change);

  // The pools of all servers that share the database, by name.
  absl::StatusOr<std::vector<ListedPool>> ListPools();

  // The identity under which the pool of this server process claims jobs.
  absl::StatusOr<std::string> WorkerId();

 private:
  // Holds the generated stub, which stays out of this header.
  struct Wire;

  // Constant after construction.
  const absl::Duration deadline_;
  const std::optional<absl::Duration> stop_deadline_;
  const int change_attempts_;
  const std::unique_ptr<Wire> wire_;
};

}  // namespace millrace::client
