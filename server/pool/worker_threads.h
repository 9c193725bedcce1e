#pragma once

#include <functional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "server/base/mutex.h"

namespace millrace {

// The threads of a run's workers: there come more, and some end, as the concurrency changes. Each
// has a number below PoolConfig::kMaxConcurrency; that of a thread that has ended goes to the next
// one. Owned by a run of the pool, which joins them. Thread-safe.
class WorkerThreads {
 public:
  // Both are called in each thread, with its number: `work`, and then `on_exit`, when the thread
  // counts no more.
  WorkerThreads(std::function<void(int)> work, std::function<void()> on_exit)
      : work_(std::move(work)), on_exit_(std::move(on_exit)) {}

  // Starts one more. Throws std::system_error if there is no thread to be had. Does nothing after
  // Join. REQUIRES: of those that run, all but those that are about to end are fewer than
  // PoolConfig::kMaxConcurrency.
  void StartOne();
  // Threads that have not ended.
  int running() const;
  // Waits for all of them.
  void Join();

 private:
  int TakeNumber();
  void FreeNumber(int number);
  void Run(int number);

  // Constant after construction.
  const std::function<void(int)> work_;
  const std::function<void()> on_exit_;

  // Held while threads are started or joined.
  Mutex start_mutex_;
  bool joined_ ABSL_GUARDED_BY(start_mutex_) = false;
  // By their numbers.
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(start_mutex_);

  mutable Mutex mutex_;
  CondVar freed_;
  // Guarded by mutex_.
  // Numbers that were in use and are not.
  std::set<int> free_ ABSL_GUARDED_BY(mutex_);
  int numbers_ ABSL_GUARDED_BY(mutex_) = 0;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace
