#pragma once

#include <optional>
#include <string>

#include "server/base/mutex.h"
#include "server/rpc/pool_control.h"

namespace millrace {

// The pool as callers of the service see it: it cannot be started any more once the server stops.
// Owned by the service graph; `pool` outlives it. Thread-safe.
class GuardedPoolControl final : public PoolControl {
 public:
  explicit GuardedPoolControl(PoolControl& pool) : pool_(pool) {}

  // When it returns, no Start is under way and none will be let through.
  void Close() {
    MutexLock lock(mutex_);
    closed_ = true;
  }

  // UNAVAILABLE while the server stops; else as the pool's.
  absl::Status Start() override {
    MutexLock lock(mutex_);
    if (closed_) return absl::UnavailableError("the server is stopping");
    return pool_.Start();
  }
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
  PoolControl& pool_;
  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace
