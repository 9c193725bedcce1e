#include "server/pool/worker_threads.h"

#include <system_error>

#include "absl/strings/str_cat.h"
#include "server/base/named_thread.h"
#include "server/pool/pool_config.h"

namespace millrace {

void WorkerThreads::StartOne() {
  MutexLock lock(start_mutex_);
  if (joined_) return;
  const int number = TakeNumber();
  if (static_cast<size_t>(number) == threads_.size()) threads_.emplace_back();
  std::thread& thread = threads_[number];
  // The last one of this number has nothing left to do but to end.
  if (thread.joinable()) thread.join();
  try {
    thread = StartNamedThread(absl::StrCat("worker-", number), [this, number] { Run(number); });
  } catch (const std::system_error&) {
    FreeNumber(number);
    on_exit_();
    throw;
  }
}

void WorkerThreads::Run(int number) {
  work_(number);
  FreeNumber(number);
  on_exit_();
}

int WorkerThreads::TakeNumber() {
  MutexLock lock(mutex_);
  // Those beyond the limit are about to end.
  while (free_.empty() && numbers_ == PoolConfig::kMaxConcurrency) freed_.Wait(mutex_);
  ++running_;
  if (free_.empty()) return numbers_++;
  return free_.extract(free_.begin()).value();
}

void WorkerThreads::FreeNumber(int number) {
  MutexLock lock(mutex_);
  free_.insert(number);
  --running_;
  freed_.NotifyAll();
}

int WorkerThreads::running() const {
  MutexLock lock(mutex_);
  return running_;
}

void WorkerThreads::Join() {
  MutexLock lock(start_mutex_);
  joined_ = true;
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace millrace
