#pragma once

#include <string>

#include "absl/status/status.h"
#include "server/events/event_emitter.h"
#include "server/pool/pool_counters.h"

namespace millrace {

// Where infrastructure errors of a pool go: its counters, the event feed (worker/error) and the
// log. Owned by the pool. Thread-safe.
class ErrorReporter {
 public:
  ErrorReporter(EventEmitter& events, PoolCounters& counters)
      : events_(events), counters_(counters) {}

  // `operation` says what the pool was doing, such as "claim".
  void Report(const std::string& operation, const absl::Status& status);

 private:
  EventEmitter& events_;
  PoolCounters& counters_;
};

}  // namespace millrace
