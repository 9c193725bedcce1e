#pragma once

#include <string>

#include "absl/container/flat_hash_set.h"
#include "server/model/job_event.h"

namespace millrace {

// Which events a subscriber gets: those that match every part that is not empty. A plain value.
struct EventFilter {
  absl::flat_hash_set<EventType> types;
  // Of these tasks, jobs and serial queues, with any of these flags; events that belong to no job
  // do not match.
  absl::flat_hash_set<std::string> task_identifiers;
  absl::flat_hash_set<JobId> job_ids;
  absl::flat_hash_set<std::string> queue_names;
  absl::flat_hash_set<std::string> flags;

  bool MatchesAll() const { return types.empty() && MatchesEveryJob(); }
  bool Matches(const Event& event) const;

  // Whether it leaves only types to look at.
  bool MatchesEveryJob() const {
    return task_identifiers.empty() && job_ids.empty() && queue_names.empty() && flags.empty();
  }
  bool HasAnyFlag(const JobEventData& job) const;
};

}  // namespace millrace
