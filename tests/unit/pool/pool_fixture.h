#pragma once

#include <memory>
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
#include "tests/support/fake_pool_store.h"
#include "tests/support/recording_event_listener.h"
#include "tests/unit/pool/gate.h"

namespace millrace {

// A pool on a store in memory and a clock that stands still. Tests register tasks and change the
// configuration, then call StartPool.
class PoolFixture : public ::testing::Test {
 protected:
  using Call = FakePoolStore::Call;

  PoolFixture() {
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

  ~PoolFixture() override {
    gate_.Open();
    store_.Mend();
    pool_.reset();
  }

  void MakePool() {
    pool_ =
        std::make_unique<WorkerPool>(store_, tasks_, emitter_, metrics_, clock_, config_,
                                     WorkerIdentity{"worker-id", "pool-name", "host", 17, "1.0"});
  }

  void StartPool() {
    if (pool_ == nullptr) MakePool();
    ASSERT_EQ(pool_->Start(), absl::OkStatus());
  }

  // Starts a pool whose workers are all busy while jobs wait in its local queue: claims that take
  // time, measured against many jobs that take none, make it claim ahead.
  void FillLocalQueue() {
    StartPool();
    ASSERT_TRUE(WaitUntilIdle());
    store_.OnClaim([this] { clock_.Advance(absl::Milliseconds(5)); });
    for (int i = 0; i < 200; ++i) store_.AddTask("ok");
    for (int i = 0; i < 20; ++i) buffered_ = store_.AddTask("stubborn");
    pool_->Wake();
    ASSERT_TRUE(gate_.WaitForArrivals(2));
    ASSERT_TRUE(Eventually([this] { return pool_->Stats().buffered > 0; }));
    buffered_ = store_.LastHeld();
  }

  JobId AddAndWake(const std::string& task, int max_attempts = 25) {
    const JobId id = store_.AddTask(task, max_attempts);
    if (pool_ != nullptr) pool_->Wake();
    return id;
  }

  // Whether the claimer has found nothing and sleeps.
  bool WaitUntilIdle() {
    return store_.WaitUntil([this] {
      const std::vector<WorkerRegistration> known = store_.Registrations();
      return !known.empty() && store_.IsIdle(static_cast<WorkerNumber>(known.size()));
    });
  }

  std::vector<JobEventData> JobEvents(EventType type) const {
    std::vector<JobEventData> found;
    for (const Event& event : events_.OfType(type)) {
      found.push_back(std::get<JobEventData>(event.data));
    }
    return found;
  }

  FakeClock clock_;
  FakePoolStore store_{clock_};
  NullMetricsRegistry metrics_;
  EventEmitter emitter_{"worker-id", clock_, metrics_, {}};
  RecordingEventListener events_{emitter_};
  Gate gate_;
  Gate arrived_;
  TaskRegistry tasks_;
  PoolConfig config_;
  // Of FillLocalQueue: a job that is buffered.
  JobId buffered_ = 0;
  std::unique_ptr<WorkerPool> pool_;
};

}  // namespace millrace
