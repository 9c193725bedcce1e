#include "server/pool/lease_observer.h"

#include <algorithm>
#include <utility>

namespace millrace {

std::vector<WorkerNumber> LeaseObserver::Observe(const std::vector<WorkerLease>& leases,
                                                 std::optional<WorkerNumber> own,
                                                 absl::Duration sent, absl::Duration received) {
  std::vector<WorkerNumber> ended;
  absl::flat_hash_map<WorkerNumber, Seen> listed;
  for (const WorkerLease& lease : leases) {
    if (lease.worker == own) continue;
    const auto before = seen_.find(lease.worker);
    const bool unrenewed = before != seen_.end() && before->second.heartbeat == lease.heartbeat;
    // The heartbeat may have come at any time before the list did, and must be old by the time that
    // it was asked for.
    const absl::Duration since = unrenewed ? before->second.since : received;
    const bool is_over = unrenewed && sent - since >= lease.lease_ttl;
    if (is_over) ended.push_back(lease.worker);
    listed[lease.worker] = {lease.heartbeat, since, lease.lease_ttl, is_over};
  }
  seen_ = std::move(listed);
  return ended;
}

absl::Duration LeaseObserver::NextEnd() const {
  absl::Duration next = absl::InfiniteDuration();
  for (const auto& [worker, seen] : seen_) {
    if (!seen.ended) next = std::min(next, seen.since + seen.ttl);
  }
  return next;
}

}  // namespace millrace
