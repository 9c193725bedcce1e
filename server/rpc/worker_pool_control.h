#pragma once

#include <optional>
#include <string>

#include "server/pool/worker_pool.h"
#include "server/rpc/pool_control.h"

namespace millrace {

// The worker pool of a server, as the service sees it. Owned by the service graph; the pool
// outlives it. Thread-safe.
class WorkerPoolControl final : public PoolControl {
 public:
  explicit WorkerPoolControl(WorkerPool& pool) : pool_(pool) {}

  absl::Status Start() override { return pool_.Start(); }
  absl::StatusOr<StopReport> Stop(std::optional<absl::Duration> timeout) override {
    return pool_.Stop(timeout);
  }
  absl::StatusOr<int> ForceStop() override { return pool_.ForceStop(); }
  absl::Status Update(const PoolChange& change) override { return pool_.Update(change); }
  absl::Status Validate(const PoolChange& change) const override { return pool_.Validate(change); }
  PoolStats Stats() const override { return pool_.Stats(); }
  const std::string& worker_id() const override { return pool_.worker_id(); }
  const std::string& pool_name() const override { return pool_.pool_name(); }
  void Wake() override { pool_.Wake(); }

 private:
  WorkerPool& pool_;
};

}  // namespace millrace
