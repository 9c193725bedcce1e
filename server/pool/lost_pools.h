#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/events/event_emitter.h"
#include "server/pool/error_reporter.h"
#include "server/pool/lease_observer.h"
#include "server/pool/pool_counters.h"
#include "server/pool/pool_metrics.h"
#include "server/store/pool_store.h"

namespace millrace {

// Finds pools that were lost, by what it has seen of their leases, and frees what they held
// (contract E2). Several may do so at the same time, each for itself. Used from one thread at a
// time.
class LostPools {
 public:
  struct Parts {
    PoolStore& store;
    EventEmitter& events;
    PoolCounters& counters;
    PoolMetrics& metrics;
    ErrorReporter& errors;
    Clock& clock;
    // Jobs were freed.
    std::function<void()> on_rescued;
  };

  explicit LostPools(Parts parts) : parts_(std::move(parts)) {}

  // Looks at all leases but `own`, and makes one call for each pool that was found to be lost, now
  // or before, until `called_away` says that something else comes first: the rest is left for the
  // next time. To be called again and again, the next time by NextEnd.
  void Watch(std::optional<WorkerNumber> own, const std::function<bool()>& called_away);

  // The database could not be asked, or was not: everything that was seen begins anew.
  void Forget() { observer_.Forget(); }

  // When the next lease will have ended unless it is renewed; infinite if there is none.
  absl::Duration NextEnd() const { return observer_.NextEnd(); }

 private:
  // A worker whose jobs may not all be freed yet, and how many more calls to make for it.
  struct LostWorker {
    WorkerNumber worker = 0;
    int calls_left = 0;
  };

  void Rescue(LostWorker& lost);
  void Announce(std::vector<RescuedJob> jobs);

  const Parts parts_;
  LeaseObserver observer_;
  // In the order in which their turn comes.
  std::deque<LostWorker> rescuing_;
};

}  // namespace millrace
