#include "client/cli/interrupt_watcher.h"

#include <csignal>

#include "gtest/gtest.h"
#include "server/base/mutex.h"

namespace millrace::cli {
namespace {

TEST(InterruptWatcherTest, TurnsTheFirstSignalIntoACall) {
  Mutex mutex;
  CondVar changed;
  bool called = false;
  InterruptWatcher watcher([&] {
    MutexLock lock(mutex);
    called = true;
    changed.NotifyAll();
  });
  EXPECT_EQ(watcher.signal(), 0);
  std::raise(SIGTERM);
  MutexLock lock(mutex);
  while (!called) changed.Wait(mutex);
  EXPECT_EQ(watcher.signal(), SIGTERM);
}

TEST(InterruptWatcherTest, GivesTheSignalsBack) {
  {
    const InterruptWatcher watcher(nullptr);
  }
  EXPECT_EXIT(std::raise(SIGINT), testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace millrace::cli
