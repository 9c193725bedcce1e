#pragma once

#include <cstdint>
#include <thread>

#include "absl/status/status.h"
#include "client/library/connection.h"
#include "client/library/event_subscription.h"
#include "server/base/clock.h"

namespace millrace::bench {

// Whether somebody follows the event feed of a server during a drain.
enum class Watching {
  kNobody,
  // One who takes every event.
  kReads,
  // One who has subscribed and takes nothing.
  kNeverReads,
};

// That subscriber, which uses the client library, in a thread of its own. Used from one thread.
class FeedWatcher {
 public:
  // `connection` outlives it.
  FeedWatcher(const client::Connection& connection, Watching watching);
  ~FeedWatcher();
  FeedWatcher(const FeedWatcher&) = delete;
  FeedWatcher& operator=(const FeedWatcher&) = delete;

  // Subscribes; everything that is emitted after it has returned is seen. Errors as
  // EventSubscription::Next.
  absl::Status Start(int64_t jobs);
  // Waits until that many completed jobs were seen, or announced as missing. INTERNAL if they were
  // not; OK at once for one who does not read.
  absl::Status AwaitAll();
  // How many events gaps have announced. To be asked after AwaitAll.
  int64_t missed() const { return missed_; }

 private:
  void Read(int64_t jobs);

  const Watching watching_;
  SystemClock clock_;
  client::EventSubscription subscription_;
  std::thread reader_;

  // The reader's, until it is joined.
  absl::Status read_;
  int64_t missed_ = 0;
};

}  // namespace millrace::bench
