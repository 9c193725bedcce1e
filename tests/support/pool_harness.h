#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/events/event_emitter.h"
#include "server/metrics/null_metrics_registry.h"
#include "server/pool/worker_pool.h"
#include "tasks/api/task_registry.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_clock.h"
#include "tests/support/gate.h"
#include "tests/support/recording_event_listener.h"

namespace millrace {

// What tests of a whole pool share, whatever its store is. Tests register tasks and change the
// configuration, then call StartPool. A fixture below it brings the store, and takes the pool down
// before that goes. Used from the test's main thread.
class PoolHarness : public ::testing::Test {
 protected:
  enum class Time { kStandsStill, kReal };

  explicit PoolHarness(Time time = Time::kStandsStill)
      : pool_clock_(time == Time::kReal ? static_cast<Clock&>(real_clock_) : clock_) {
    config_.concurrency = 2;
    // Long enough for tests that move the clock without thinking of the lease.
    config_.lease_ttl = absl::Hours(20);
    config_.heartbeat_interval = absl::Hours(5);
    config_.retry.jitter = 0;
    tasks_.Add("ok", [](TaskContext&) {});
    tasks_.Add("fail", [](TaskContext&) { return TaskResult::Fail("no luck", "the detail"); });
    // Waits until the test opens the gate, whatever it is asked.
    tasks_.Add("stubborn", [this](TaskContext&) { gate_.Pass(); });
    // Runs until it is asked to stop, then fails.
    tasks_.Add("obedient", [this](TaskContext& context) {
      arrived_.Open();
      if (!context.WaitFor(absl::InfiniteDuration())) throw std::runtime_error("asked to stop");
    });
  }

  virtual PoolStore& pool_store() = 0;
  // What handlers can use; nothing unless a fixture brings it.
  virtual HandlerServices handler_services() { return {}; }

  // Registers a task "ignores" that goes on when it is asked to stop, and opens `asked_` then,
  // until the test opens the gate.
  void AddIgnoringTask() {
    tasks_.Add("ignores", [this](TaskContext& context) {
      arrived_.Open();
      context.WaitFor(absl::InfiniteDuration());
      asked_.Open();
      gate_.Pass();
    });
  }

  void MakePool() {
    pool_ = std::make_unique<WorkerPool>(
        pool_store(), tasks_, emitter_, metrics_, pool_clock_, config_,
        WorkerIdentity{"worker-id", "pool-name", "host", 17, "1.0"}, nullptr, handler_services());
  }

  void StartPool() {
    if (pool_ == nullptr) MakePool();
    ASSERT_EQ(pool_->Start(), absl::OkStatus());
  }

  std::vector<JobEventData> JobEvents(EventType type) const {
    std::vector<JobEventData> found;
    for (const Event& event : events_.OfType(type)) {
      found.push_back(std::get<JobEventData>(event.data));
    }
    return found;
  }

  // The pool's, where time stands still.
  FakeClock clock_;
  SystemClock real_clock_;
  Clock& pool_clock_;
  NullMetricsRegistry metrics_;
  EventEmitter emitter_{"worker-id", pool_clock_, metrics_, {}};
  RecordingEventListener events_{emitter_};
  Gate gate_;
  Gate arrived_;
  Gate asked_;
  TaskRegistry tasks_;
  PoolConfig config_;
  std::unique_ptr<WorkerPool> pool_;
};

}  // namespace millrace
