#include "client/cli/event_match.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace millrace::cli {
namespace {

template <typename T>
bool AnyOrOneOf(const std::vector<T>& wanted, const T& value) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

}  // namespace

bool Matches(const client::EventQuery& query, const client::FeedEvent& event) {
  if (!AnyOrOneOf(query.types, event.type)) return false;
  if (query.task_identifiers.empty() && query.job_ids.empty()) return true;
  const auto* job = std::get_if<JobEventData>(&event.data);
  return job != nullptr && AnyOrOneOf(query.task_identifiers, job->task_identifier) &&
         AnyOrOneOf(query.job_ids, job->job_id);
}

client::FeedMessage Matching(const client::EventQuery& query, client::FeedMessage message) {
  if (auto* events = std::get_if<std::vector<client::FeedEvent>>(&message.content)) {
    std::erase_if(*events,
                  [&query](const client::FeedEvent& event) { return !Matches(query, event); });
  }
  return message;
}

}  // namespace millrace::cli
