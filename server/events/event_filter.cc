#include "server/events/event_filter.h"

#include <algorithm>
#include <variant>

namespace millrace {
namespace {

template <typename T>
bool AnyOrOneOf(const absl::flat_hash_set<T>& wanted, const T& value) {
  return wanted.empty() || wanted.contains(value);
}

}  // namespace

bool EventFilter::Matches(const Event& event) const {
  if (!AnyOrOneOf(types, event.type)) return false;
  if (MatchesEveryJob()) return true;
  const auto* job = std::get_if<JobEventData>(&event.data);
  if (job == nullptr) return false;
  return AnyOrOneOf(task_identifiers, job->task_identifier) && AnyOrOneOf(job_ids, job->job_id) &&
         AnyOrOneOf(queue_names, job->queue_name) && HasAnyFlag(*job);
}

bool EventFilter::HasAnyFlag(const JobEventData& job) const {
  return flags.empty() || std::any_of(job.flags.begin(), job.flags.end(),
                                      [this](const auto& flag) { return flags.contains(flag); });
}

}  // namespace millrace
