#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "server/store/pool_store.h"

namespace millrace {

// What a pool knows of its own registration: under which number it claims, and until when, by its
// own monotonic clock, its lease is good. Written by the lease keeper alone, and read for every
// job, so without a lock. Owned by a run of the pool. Thread-safe.
class LeaseState {
 public:
  // The lease was renewed by a call that was sent at `sent`, so that it runs from then at least.
  void Renew(WorkerNumber worker, absl::Duration sent, absl::Duration ttl) {
    start_until_ns_ = absl::ToInt64Nanoseconds(sent + ttl / 2);
    interrupt_at_ns_ = absl::ToInt64Nanoseconds(sent + ttl * 2 / 3);
    ends_at_ns_ = absl::ToInt64Nanoseconds(sent + ttl);
    worker_ = worker;
  }
  // There is no registration any more.
  void Clear() { worker_ = kNone; }

  std::optional<WorkerNumber> worker() const {
    const WorkerNumber worker = worker_;
    return worker == kNone ? std::nullopt : std::optional<WorkerNumber>(worker);
  }

  // Whether a job that was claimed under this number may begin: within half of the lease.
  bool MayStart(WorkerNumber worker, absl::Duration now) const {
    return worker_ == worker && absl::ToInt64Nanoseconds(now) < start_until_ns_;
  }

  // When handlers must be asked to stop unless the lease is renewed: at two thirds of it.
  absl::Duration interrupt_at() const {
    return worker_ == kNone ? absl::InfiniteDuration() : absl::Nanoseconds(interrupt_at_ns_.load());
  }

  // When others may end it unless it is renewed, at the earliest.
  absl::Duration ends_at() const {
    return worker_ == kNone ? absl::InfiniteDuration() : absl::Nanoseconds(ends_at_ns_.load());
  }

 private:
  static constexpr WorkerNumber kNone = -1;

  std::atomic<WorkerNumber> worker_{kNone};
  std::atomic<int64_t> start_until_ns_{0};
  std::atomic<int64_t> interrupt_at_ns_{0};
  std::atomic<int64_t> ends_at_ns_{0};
};

}  // namespace millrace
