#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "server/base/mutex.h"
#include "server/rpc/pool_control.h"
#include "tests/support/gate.h"

namespace millrace {

// A pool that only remembers what it was asked. With HoldStops its Stop waits for ReleaseStops, and
// a Start that waits at a gate, for that.
// Thread-safe.
class FakePoolControl final : public PoolControl {
 public:
  explicit FakePoolControl(std::string worker_id = "worker-1") : worker_id_(std::move(worker_id)) {}

  absl::Status Start() override {
    if (Gate* const gate = start_gate()) gate->Pass();
    MutexLock lock(mutex_);
    ++start_calls_;
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

  // A concurrency of 0 is not valid; one of 1024 is too much for this machine.
  absl::Status Update(const PoolChange& change) override {
    if (absl::Status valid = Validate(change); !valid.ok()) return valid;
    MutexLock lock(mutex_);
    if (change.concurrency == 1024) return absl::ResourceExhaustedError("no threads");
    if (change.concurrency.has_value()) stats_.concurrency = *change.concurrency;
    if (change.task_identifiers.has_value()) stats_.task_identifiers = *change.task_identifiers;
    if (change.forbidden_flags.has_value()) stats_.forbidden_flags = *change.forbidden_flags;
    return absl::OkStatus();
  }
  absl::Status Validate(const PoolChange& change) const override {
    if (change.concurrency == 0) return absl::InvalidArgumentError("concurrency: must not be 0");
    return absl::OkStatus();
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
  // It outlives the pool.
  void HoldStartsAt(Gate* gate) {
    MutexLock lock(mutex_);
    start_gate_ = gate;
  }
  int start_calls() const {
    MutexLock lock(mutex_);
    return start_calls_;
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
  Gate* start_gate() const {
    MutexLock lock(mutex_);
    return start_gate_;
  }

  const std::string worker_id_;
  const std::string pool_name_ = "pool-of-tests";
  mutable Mutex mutex_;
  CondVar changed_;
  PoolStats stats_ ABSL_GUARDED_BY(mutex_) = {.concurrency = 10};
  bool throws_ ABSL_GUARDED_BY(mutex_) = false;
  Gate* start_gate_ ABSL_GUARDED_BY(mutex_) = nullptr;
  int start_calls_ ABSL_GUARDED_BY(mutex_) = 0;
  bool holding_stops_ ABSL_GUARDED_BY(mutex_) = false;
  int stops_done_ ABSL_GUARDED_BY(mutex_) = 0;
  int wakes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::optional<absl::Duration>> stop_timeouts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
