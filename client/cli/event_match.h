#pragma once

#include "client/library/event_subscription.h"
#include "client/library/feed_message.h"

namespace millrace::cli {

// Whether the server would send this event to a subscriber with this query.
bool Matches(const client::EventQuery& query, const client::FeedEvent& event);

// The message without events that do not match.
client::FeedMessage Matching(const client::EventQuery& query, client::FeedMessage message);

}  // namespace millrace::cli
