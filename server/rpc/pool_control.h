#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/pool/pool_change.h"
#include "server/pool/pool_stats.h"

namespace millrace {

// What the service asks of a worker pool; WorkerPoolControl is the one of a server, tests have
// their own. Owned by whoever builds the service, and outlives it. Thread-safe.
class PoolControl {
 public:
  virtual ~PoolControl() = default;

  // FAILED_PRECONDITION "already running". May wait for the database.
  virtual absl::Status Start() = 0;
  // Waits until the pool has stopped; unset means the pool's own timeout. FAILED_PRECONDITION "not
  // running".
  virtual absl::StatusOr<StopReport> Stop(std::optional<absl::Duration> timeout) = 0;
  // The number of handlers that were asked to stop. FAILED_PRECONDITION "not running".
  virtual absl::StatusOr<int> ForceStop() = 0;

  // Changes the pool. INVALID_ARGUMENT naming every fault, with nothing changed;
  // RESOURCE_EXHAUSTED.
  virtual absl::Status Update(const PoolChange& change) = 0;

  // These never wait.
  // What Update says first, without doing anything.
  virtual absl::Status Validate(const PoolChange& change) const = 0;
  virtual PoolStats Stats() const = 0;
  virtual const std::string& worker_id() const = 0;
  virtual const std::string& pool_name() const = 0;
  // Says that a job may have come, so that the pool looks at once.
  virtual void Wake() = 0;
};

}  // namespace millrace
