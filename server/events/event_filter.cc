#include "server/events/event_filter.h"

#include <variant>

namespace millrace {

bool EventFilter::Matches(const Event& event) const {
  if (!types.empty() && !types.contains(event.type)) return false;
  if (task_identifiers.empty() && job_ids.empty()) return true;
  const auto* job = std::get_if<JobEventData>(&event.data);
  if (job == nullptr) return false;
  return (task_identifiers.empty() || task_identifiers.contains(job->task_identifier)) &&
         (job_ids.empty() || job_ids.contains(job->job_id));
}

}  // namespace millrace
