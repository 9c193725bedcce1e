#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "server/base/mutex.h"
#include "server/rpc/pool_control.h"

namespace millrace {

// A pool that only remembers what it was asked. With HoldStops its Stop waits for ReleaseStops.
// Thread-safe.
class FakePoolControl final : public PoolControl {
 public:
  absl::Status Start() override {
    MutexLock lock(mutex_);
    if (throws_) throw std::runtime_error("the pool broke");
    if (stats_.running) return absl::FailedPreconditionError("already running");
    stats_.running = true;
    return absl::OkStatus();
  }

  absl::StatusOr<StopReport> Stop(std::optional<absl::Duration> timeout) override {
    MutexLock lock(mutex_);
    if (!stats_.running) return absl::FailedPreconditionError("not running");
    stop_timeouts_.push_back(timeout);
    changed_.NotifyAll();
    while (holding_stops_) changed_.Wait(mutex_);
    stats_.running = false;
    ++stops_done_;
    changed_.NotifyAll();
    return StopReport{.finished = 1, .given_back = 2, .interrupted = 3, .still_running = 4};
  }

  absl::StatusOr<int> ForceStop() override {
    MutexLock lock(mutex_);
    if (!stats_.running) return absl::FailedPreconditionError("not running");
    return 7;
  }

  PoolStats Stats() const override {
    MutexLock lock(mutex_);
    return stats_;
  }
  const std::string& worker_id() const override { return worker_id_; }
  const std::string& pool_name() const override { return pool_name_; }
  void Wake() override {
    MutexLock lock(mutex_);
    ++wakes_;
  }

  void SetStats(const PoolStats& stats) {
    MutexLock lock(mutex_);
    stats_ = stats;
  }
  void SetThrows() {
    MutexLock lock(mutex_);
    throws_ = true;
  }
  void HoldStops() {
    MutexLock lock(mutex_);
    holding_stops_ = true;
  }
  void ReleaseStops() {
    MutexLock lock(mutex_);
    holding_stops_ = false;
    changed_.NotifyAll();
  }
  // Waits until Stop was called so often.
  void AwaitStopCalls(size_t calls) {
    MutexLock lock(mutex_);
    while (stop_timeouts_.size() < calls) changed_.Wait(mutex_);
  }
  // Waits until so many have returned.
  void AwaitStopsDone(int stops) {
    MutexLock lock(mutex_);
    while (stops_done_ < stops) changed_.Wait(mutex_);
  }
  std::vector<std::optional<absl::Duration>> stop_timeouts() const {
    MutexLock lock(mutex_);
    return stop_timeouts_;
  }
  int wakes() const {
    MutexLock lock(mutex_);
    return wakes_;
  }

 private:
  const std::string worker_id_ = "worker-1";
  const std::string pool_name_ = "pool-of-tests";
  mutable Mutex mutex_;
  CondVar changed_;
  PoolStats stats_ ABSL_GUARDED_BY(mutex_) = {.concurrency = 10};
  bool throws_ ABSL_GUARDED_BY(mutex_) = false;
  bool holding_stops_ ABSL_GUARDED_BY(mutex_) = false;
  int stops_done_ ABSL_GUARDED_BY(mutex_) = 0;
  int wakes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::optional<absl::Duration>> stop_timeouts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
