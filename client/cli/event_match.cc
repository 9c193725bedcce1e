#include "client/cli/event_match.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace millrace::cli {
namespace {

template <typename T>
bool AnyOrOneOf(const std::vector<T>& wanted, const T& value) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

bool AnyOrSomeOf(const std::vector<std::string>& wanted, const std::vector<std::string>& values) {
  return wanted.empty() || std::find_first_of(values.begin(), values.end(), wanted.begin(),
                                              wanted.end()) != values.end();
}

}  // namespace

bool Matches(const client::EventQuery& query, const client::FeedEvent& event) {
  if (!AnyOrOneOf(query.types, event.type)) return false;
  if (query.task_identifiers.empty() && query.job_ids.empty() && query.queue_names.empty() &&
      query.flags.empty()) {
    return true;
  }
  const auto* job = std::get_if<JobEventData>(&event.data);
  return job != nullptr && AnyOrOneOf(query.task_identifiers, job->task_identifier) &&
         AnyOrOneOf(query.job_ids, job->job_id) && AnyOrOneOf(query.queue_names, job->queue_name) &&
         AnyOrSomeOf(query.flags, job->flags);
}

client::FeedMessage Matching(const client::EventQuery& query, client::FeedMessage message) {
  if (auto* events = std::get_if<std::vector<client::FeedEvent>>(&message.content)) {
    std::erase_if(*events,
                  [&query](const client::FeedEvent& event) { return !Matches(query, event); });
  }
  return message;
}

}  // namespace millrace::cli
