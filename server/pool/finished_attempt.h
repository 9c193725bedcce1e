#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

#include "server/model/attempt.h"
#include "server/model/job_event.h"
#include "server/pool/task_metrics.h"
#include "server/store/pool_store.h"

namespace millrace {

// Adds to a total for as long as it lives.
class CountedBytes {
 public:
  CountedBytes() = default;
  // `total` outlives it.
  CountedBytes(std::atomic<size_t>& total, size_t bytes) : total_(&total), bytes_(bytes) {
    total.fetch_add(bytes, std::memory_order_relaxed);
  }
  CountedBytes(CountedBytes&& other) noexcept
      : total_(other.total_), bytes_(std::exchange(other.bytes_, 0)) {}
  CountedBytes& operator=(CountedBytes&& other) noexcept {
    std::swap(total_, other.total_);
    std::swap(bytes_, other.bytes_);
    other.Clear();
    return *this;
  }
  ~CountedBytes() { Clear(); }

 private:
  void Clear() {
    if (bytes_ > 0) total_->fetch_sub(bytes_, std::memory_order_relaxed);
    bytes_ = 0;
  }

  std::atomic<size_t>* total_ = nullptr;
  size_t bytes_ = 0;
};

// What is emitted and counted of an attempt once its outcome is recorded.
struct AttemptNotice {
  JobEventData event;
  TaskMetrics* metrics = nullptr;
  // Of its report; set by the recorder.
  CountedBytes content;
};

// An attempt that has ended and is to be recorded.
struct FinishedAttempt {
  // The registration under which its job was claimed.
  WorkerNumber worker = 0;
  AttemptReport report;
  AttemptNotice notice;
};

}  // namespace millrace
