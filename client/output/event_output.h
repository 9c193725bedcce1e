#pragma once

#include <string>

#include "client/library/feed_message.h"
#include "client/output/json_object.h"

namespace millrace::cli {

// For programs: members are named as the fields of millrace.v1.Event, with the incarnation beside
// them; a gap is {"gap": {...}, "incarnation": ...}.
JsonObject EventJson(const client::FeedEvent& event, const std::string& incarnation);
JsonObject GapJson(const client::FeedGap& gap, const std::string& incarnation);

// For people: one line each, without a newline.
std::string EventLine(const client::FeedEvent& event, bool colored);
std::string GapLine(const client::FeedGap& gap, bool colored);

}  // namespace millrace::cli
