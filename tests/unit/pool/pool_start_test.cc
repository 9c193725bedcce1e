// What comes while a pool starts.

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "tests/unit/pool/pool_fixture.h"

namespace millrace {
namespace {

class PoolStartTest : public PoolFixture {};

TEST_F(PoolStartTest, AStopThatComesInTheMiddleOfAStartStopsThePool) {
  MakePool();
  const std::vector<std::function<absl::Status()>> stops = {
      [this] { return pool_->Stop(absl::ZeroDuration()).status(); },
      [this] { return pool_->ForceStop().status(); }};
  for (size_t i = 0; i < stops.size(); ++i) {
    std::thread stopping;
    std::atomic<bool> asked = false;
    absl::Status stopped;
    // Of pool/start, which is emitted in the middle.
    const EventEmitter::ListenerId listener = emitter_.AddListener([&] {
      if (!asked.exchange(true)) stopping = std::thread([&] { stopped = stops[i](); });
    });
    ASSERT_EQ(pool_->Start(), absl::OkStatus());
    stopping.join();
    EXPECT_EQ(stopped, absl::OkStatus());
    EXPECT_TRUE(pool_->WaitUntilStopped(absl::InfiniteDuration()));
    emitter_.RemoveListener(listener);
    EXPECT_EQ(events_.OfType(EventType::kPoolStart).size(), i + 1);
    EXPECT_EQ(events_.OfType(EventType::kPoolStop).size(), i + 1);
  }
}

}  // namespace
}  // namespace millrace
