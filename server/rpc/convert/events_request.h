#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "millrace/v1/worker_pool.pb.h"
#include "server/events/event_filter.h"

namespace millrace {

// What a subscriber of the event feed wants. A plain value.
struct EventSubscription {
  enum class Begin {
    // With what comes from now on.
    kNow,
    // After after_sequence.
    kAfterSequence,
    // It followed a server process that has ended: with all that this one still holds.
    kOtherIncarnation,
  };

  EventFilter filter;
  Begin begin = Begin::kNow;
  // Up to here the subscriber has it all, or wants none of it.
  uint64_t after_sequence = 0;
  // If it is too slow its stream ends; otherwise a gap tells what it has missed.
  bool end_on_overflow = false;
};

// Decodes a request to the server process `incarnation`, whose last event so far is
// `last_sequence`. INVALID_ARGUMENT with the field for unknown types and enum values, bad names or
// ids, more than 10,000 of a kind, and a sequence that has not come yet.
absl::StatusOr<EventSubscription> ToEventSubscription(const v1::EventsRequest& proto,
                                                      const std::string& incarnation,
                                                      uint64_t last_sequence);

}  // namespace millrace
