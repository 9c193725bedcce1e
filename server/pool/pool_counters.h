#pragma once

#include <cstdint>

#include "server/base/mutex.h"

namespace millrace {

// What a pool counts. A plain value.
struct PoolCounts {
  int64_t completed = 0;
  int64_t failed = 0;
  int64_t errors = 0;
  int64_t claimed = 0;
  int64_t given_back = 0;
  int64_t stale_returned = 0;
  int64_t interrupted = 0;

  PoolCounts& operator+=(const PoolCounts& more);
};

// The counters of a pool, which go on over Stop and Start. What is added together is read together.
// Owned by the pool. Thread-safe.
class PoolCounters {
 public:
  void Add(const PoolCounts& more) {
    MutexLock lock(mutex_);
    counts_ += more;
  }
  PoolCounts Read() const {
    MutexLock lock(mutex_);
    return counts_;
  }

 private:
  mutable Mutex mutex_;
  PoolCounts counts_ ABSL_GUARDED_BY(mutex_);
};

inline PoolCounts& PoolCounts::operator+=(const PoolCounts& more) {
  completed += more.completed;
  failed += more.failed;
  errors += more.errors;
  claimed += more.claimed;
  given_back += more.given_back;
  stale_returned += more.stale_returned;
  interrupted += more.interrupted;
  return *this;
}

}  // namespace millrace
