#include "server/app/guarded_pool_control.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace {
namespace {

// Counts the calls that reach the pool.
class CountingPool final : public PoolControl {
 public:
  absl::Status Start() override {
    ++starts;
    return absl::OkStatus();
  }
  absl::StatusOr<StopReport> Stop(std::optional<absl::Duration>) override {
    ++stops;
    return StopReport{};
  }
  absl::StatusOr<int> ForceStop() override { return ++force_stops; }
  absl::Status Update(const PoolChange&) override { return absl::OkStatus(); }
  absl::Status Validate(const PoolChange&) const override { return absl::OkStatus(); }
  PoolStats Stats() const override { return {}; }
  const std::string& worker_id() const override { return name_; }
  const std::string& pool_name() const override { return name_; }
  void Wake() override {}

  int starts = 0;
  int stops = 0;
  int force_stops = 0;

 private:
  const std::string name_ = "counting";
};

TEST(GuardedPoolControlTest, LetsAStartThroughUntilItIsClosed) {
  CountingPool pool;
  GuardedPoolControl guarded(pool);
  EXPECT_TRUE(guarded.Start().ok());
  guarded.Close();
  EXPECT_EQ(guarded.Start().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(pool.starts, 1);
}

TEST(GuardedPoolControlTest, APoolCanStillBeStoppedWhenItIsClosed) {
  CountingPool pool;
  GuardedPoolControl guarded(pool);
  guarded.Close();
  EXPECT_TRUE(guarded.Stop(std::nullopt).ok());
  EXPECT_TRUE(guarded.ForceStop().ok());
  EXPECT_EQ(pool.stops, 1);
  EXPECT_EQ(pool.force_stops, 1);
}

}  // namespace
}  // namespace millrace
