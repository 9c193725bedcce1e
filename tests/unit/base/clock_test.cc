#include "server/base/clock.h"

#include <thread>

#include "gtest/gtest.h"
#include "server/base/named_thread.h"

namespace millrace {
namespace {

class SystemClockTest : public ::testing::Test {
 protected:
  SystemClock clock_;
  Mutex mutex_;
  CondVar changed_;
};

TEST_F(SystemClockTest, MonotonicNeverGoesBack) {
  const absl::Duration before = clock_.Monotonic();
  EXPECT_GE(clock_.Monotonic(), before);
}

TEST_F(SystemClockTest, WaitEndsWhenItsTimeHasPassed) {
  const absl::Duration before = clock_.Monotonic();
  MutexLock lock(mutex_);
  EXPECT_FALSE(clock_.WaitFor(mutex_, changed_, absl::Milliseconds(2), [] { return false; }));
  EXPECT_GE(clock_.Monotonic() - before, absl::Milliseconds(2));
}

TEST_F(SystemClockTest, WaitForWhatIsDoneAlreadyReturnsAtOnce) {
  MutexLock lock(mutex_);
  EXPECT_TRUE(clock_.WaitFor(mutex_, changed_, absl::InfiniteDuration(), [] { return true; }));
}

TEST_F(SystemClockTest, NegativeTimeoutLooksOnce) {
  int looks = 0;
  MutexLock lock(mutex_);
  EXPECT_FALSE(clock_.WaitFor(mutex_, changed_, -absl::InfiniteDuration(), [&looks] {
    ++looks;
    return false;
  }));
  EXPECT_GE(looks, 1);
}

TEST_F(SystemClockTest, NotifiedWaitEnds) {
  bool done = false;
  std::thread notifier = StartNamedThread("notifier", [&] {
    MutexLock lock(mutex_);
    done = true;
    changed_.NotifyAll();
  });
  {
    MutexLock lock(mutex_);
    EXPECT_TRUE(clock_.WaitFor(mutex_, changed_, absl::InfiniteDuration(), [&] { return done; }));
  }
  notifier.join();
}

}  // namespace
}  // namespace millrace
