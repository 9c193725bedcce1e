#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/pool/error_reporter.h"
#include "server/store/pool_store.h"

namespace millrace {

// The claims of a pool that failed. Such a claim may have been made all the same, or may still be
// made, with jobs that nobody would run while the lease is renewed; so each is taken back. Owned by
// the claimer. Used from the claimer's thread, but for Abandon, which may come from any.
class LostClaims {
 public:
  LostClaims(PoolStore& store, ErrorReporter& errors, Clock& clock)
      : store_(store), errors_(errors), clock_(clock) {}

  void Add(WorkerNumber worker, int64_t number);
  // Takes back those whose time has come. One that is still on its way stays for a later call.
  // Errors as PoolStore: nothing may be claimed then, or an outage would leave a trail of them.
  absl::Status TakeBackDue();
  // When TakeBackDue has something to do; infinite for never.
  absl::Duration next_try() const { return next_try_; }

  // Takes back all; returns when that is done, or after one try once Abandon was called.
  void TakeBackAll();
  void Abandon();

 private:
  struct LostClaim {
    WorkerNumber worker = 0;
    int64_t number = 0;
  };

  absl::Status TakeBack();

  // Constant after construction.
  PoolStore& store_;
  ErrorReporter& errors_;
  Clock& clock_;

  // Used by the claimer's thread alone.
  std::vector<LostClaim> claims_;
  absl::Duration next_try_ = absl::InfiniteDuration();

  Mutex mutex_;
  CondVar changed_;
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace
