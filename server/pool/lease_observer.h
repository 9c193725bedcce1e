#pragma once

#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "server/store/pool_store.h"

namespace millrace {

// Judges from what was seen of the leases of other pools which of them have ended (contract E2): a
// lease that was seen unrenewed for its whole time, by this pool's monotonic clock, while this pool
// could ask all that time. So neither an outage of the database nor a clock that differs ends a
// lease. Used from one thread at a time.
class LeaseObserver {
 public:
  // Of a list that was asked for at `sent` and came at `received`. Returns the workers, but for
  // `own`, whose leases have ended; they are returned again for as long as they are listed.
  std::vector<WorkerNumber> Observe(const std::vector<WorkerLease>& leases,
                                    std::optional<WorkerNumber> own, absl::Duration sent,
                                    absl::Duration received);

  // The database could not be asked: everything that was seen begins anew.
  void Forget() { seen_.clear(); }

  // When the next lease will have ended unless it is renewed; infinite if there is none.
  absl::Duration NextEnd() const;

 private:
  struct Seen {
    int64_t heartbeat = 0;
    // When this heartbeat had been seen for the first time.
    absl::Duration since;
    absl::Duration ttl;
    bool ended = false;
  };

  absl::flat_hash_map<WorkerNumber, Seen> seen_;
};

}  // namespace millrace
