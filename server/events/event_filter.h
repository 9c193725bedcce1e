#pragma once

#include <string>

#include "absl/container/flat_hash_set.h"
#include "server/model/job_event.h"

namespace millrace {

// Which events a subscriber gets: those that match every part that is not empty. A plain value.
struct EventFilter {
  absl::flat_hash_set<EventType> types;
  // Of these tasks, of these jobs; events that belong to no job do not match.
  absl::flat_hash_set<std::string> task_identifiers;
  absl::flat_hash_set<JobId> job_ids;

  bool MatchesAll() const { return types.empty() && task_identifiers.empty() && job_ids.empty(); }
  bool Matches(const Event& event) const;
};

}  // namespace millrace
