#pragma once

#include <atomic>
#include <functional>
#include <thread>

namespace millrace::cli {

// Turns the first SIGINT or SIGTERM into an orderly end, for commands that have something to say
// when they are interrupted; the second one ends the process as it always does. Other commands do
// without and end at once.
// Owned by the command, one at a time in a process. Thread-safe.
class InterruptWatcher {
 public:
  // `on_interrupt` is called once, by the watcher's thread "interrupt"; it must not block. May be
  // empty.
  explicit InterruptWatcher(std::function<void()> on_interrupt);
  // Gives the signals back to the process.
  ~InterruptWatcher();
  InterruptWatcher(const InterruptWatcher&) = delete;
  InterruptWatcher& operator=(const InterruptWatcher&) = delete;

  // SIGINT or SIGTERM, whichever came first; 0 while none came.
  int signal() const { return signal_; }

 private:
  void Watch();

  // Constant after construction.
  const std::function<void()> on_interrupt_;
  std::atomic<int> signal_ = 0;
  std::thread thread_;
};

}  // namespace millrace::cli
