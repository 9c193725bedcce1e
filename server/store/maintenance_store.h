#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace {

// What the upkeep of a schema asks of the database. Errors of every call as in PoolStore.
// Thread-safe.
class MaintenanceStore {
 public:
  virtual ~MaintenanceStore() = default;

  // Makes the partitions of this and the next two weeks where they are missing. UNAVAILABLE also if
  // an open transaction is in the way, which is not waited for: try again later.
  virtual absl::Status EnsurePartitions() = 0;

  // Forgets requests that were done longer than 24 hours ago. Returns how many.
  virtual absl::StatusOr<int> ForgetRequests() = 0;
};

}  // namespace millrace
