#pragma once

#include <string>
#include <vector>

#include "tests/support/fake_pool_store.h"
#include "tests/support/pool_harness.h"

namespace millrace {

// A pool on a store in memory and a clock that stands still.
class PoolFixture : public PoolHarness {
 public:
  ~PoolFixture() override {
    gate_.Open();
    store_.Mend();
    pool_.reset();
  }

 protected:
  using Call = FakePoolStore::Call;

  PoolStore& pool_store() override { return store_; }

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

  FakePoolStore store_{clock_};
  // Of FillLocalQueue: a job that is buffered.
  JobId buffered_ = 0;
};

}  // namespace millrace
