#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/events/event_emitter.h"
#include "server/metrics/null_metrics_registry.h"

namespace millrace::bench {

// The event feed of a server, and nothing else of it, on a Unix socket in `socket_dir`. Its buffer
// holds whatever is emitted. Used from one thread.
class FeedHost {
 public:
  // INTERNAL if it cannot listen.
  static absl::StatusOr<std::unique_ptr<FeedHost>> Start(const std::string& socket_dir);
  ~FeedHost();
  FeedHost(const FeedHost&) = delete;
  FeedHost& operator=(const FeedHost&) = delete;

  EventEmitter& emitter() { return emitter_; }
  const std::string& address() const { return address_; }

 private:
  struct Service;

  explicit FeedHost(const std::string& socket_dir);

  SystemClock clock_;
  NullMetricsRegistry metrics_;
  EventEmitter emitter_;
  const std::string address_;
  std::unique_ptr<Service> service_;
};

}  // namespace millrace::bench
