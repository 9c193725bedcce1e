#pragma once

#include <functional>

#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace millrace {

// Holds handlers up until the test lets them go on. Waits a minute of real time at most.
// Thread-safe.
class Gate {
 public:
  // Arrives, and waits until the gate is open.
  void Pass() {
    MutexLock lock(mutex_);
    ++arrived_;
    changed_.NotifyAll();
    Wait([this] {
      mutex_.AssertHeld();
      return open_;
    });
  }

  // Whether so many have arrived.
  bool WaitForArrivals(int count) {
    MutexLock lock(mutex_);
    return Wait([this, count] {
      mutex_.AssertHeld();
      return arrived_ >= count;
    });
  }

  bool WaitForOpen() {
    MutexLock lock(mutex_);
    return Wait([this] {
      mutex_.AssertHeld();
      return open_;
    });
  }

  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }

  int arrived() {
    MutexLock lock(mutex_);
    return arrived_;
  }

 private:
  bool Wait(const std::function<bool()>& done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return SystemClock().WaitFor(mutex_, changed_, absl::Minutes(1), done);
  }

  Mutex mutex_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  int arrived_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace
