#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "server/model/job_event.h"

namespace millrace::client {

// One event of a server. A plain value.
struct FeedEvent {
  uint64_t sequence = 0;
  // Such as "job/completed"; a later server may send types that this client does not know.
  std::string type;
  absl::Time emitted_at;
  std::string worker_id;
  // Which one follows from the type; none if the server sent none that this client knows.
  std::variant<std::monostate, PoolEventData, JobEventData, WorkerErrorData> data;
};

// Events that this subscriber cannot get any more, both bounds included; none if first > last,
// which a change of incarnation may bring.
struct FeedGap {
  uint64_t first_missing = 0;
  uint64_t last_missing = 0;
  // "evicted", "overflow" or "incarnation".
  std::string reason;
};

// Everything up to here was handed over, or did not match.
struct FeedBookmark {
  uint64_t sequence = 0;
};

// What the feed hands over at once. A plain value.
struct FeedMessage {
  // The server process whose sequence this is.
  std::string incarnation;
  std::variant<std::vector<FeedEvent>, FeedGap, FeedBookmark> content;
};

// A place in the feed: after this event of this incarnation. A plain value.
struct FeedPosition {
  // Empty: from the moment of subscribing on.
  std::string incarnation;
  uint64_t sequence = 0;
};

}  // namespace millrace::client
