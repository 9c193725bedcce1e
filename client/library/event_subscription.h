#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/library/connection.h"
#include "client/library/feed_message.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/model/job.h"
#include "server/model/retry_policy.h"

namespace millrace::client {

class EventStream;

// Which events to get; each list that is empty means any. A plain value.
struct EventQuery {
  std::vector<std::string> types;
  std::vector<std::string> task_identifiers;
  std::vector<JobId> job_ids;
  std::vector<std::string> queue_names;
  // Jobs with any of them.
  std::vector<std::string> flags;
  FeedPosition after;
  // A subscriber that is too slow gets an error instead of a gap: see EventSubscription::Next.
  bool end_on_overflow = false;
};

// Follows the event feed of a server over lost connections and restarts: it connects again by
// itself and goes on after the last message that it handed over. What cannot be had any more comes
// as a gap, never silently.
// Made from a connection and a clock that outlive it. One thread calls Next or Run; Cancel and
// position may be called by any.
class EventSubscription {
 public:
  struct Options {
    // Waits between attempts to connect, while they fail.
    RetryPolicy backoff = {.base = absl::Milliseconds(200), .maximum = absl::Seconds(5)};
    // A stream without any message for so long is dead: the server sends a bookmark every 10 s.
    absl::Duration silence_limit = absl::Seconds(35);
    // How many attempts to connect may fail before the first message; then Next returns the error.
    // 0: no limit. After the first message there is none.
    int first_attempts = 0;
    // Called by the thread in Next when a stream was lost or could not be had, with the reason. May
    // be empty.
    std::function<void(const absl::Status&)> on_disconnect;
  };

  EventSubscription(const Connection& connection, Clock& clock, EventQuery query, Options options);
  ~EventSubscription();

  // Waits for the next message: events in order, a gap, or a bookmark. DEADLINE_EXCEEDED if none
  // came within `timeout`: call it again. CANCELLED after Cancel. RESOURCE_EXHAUSTED if
  // EventQuery::end_on_overflow was set and this subscriber was too slow: position() is the last
  // that it got, and a further call connects again and begins with a gap. Every other error ends
  // the subscription: the server refused it (INVALID_ARGUMENT for an unknown type, for example) or
  // first_attempts failed.
  absl::StatusOr<FeedMessage> Next(absl::Duration timeout = absl::InfiniteDuration());

  // Hands over one message after the other, in this thread, until Cancel (returns OK) or an error.
  absl::Status Run(const std::function<void(const FeedMessage&)>& on_message);

  // Ends a Next that waits, and all later ones.
  void Cancel();

  // Where the feed stands: everything up to here was handed over. Keep it to go on after a restart.
  FeedPosition position() const;

 private:
  struct Wire;

  // Connects, takes a message, loses the stream or waits, whichever is next. Nothing if that
  // brought no message.
  absl::StatusOr<std::optional<FeedMessage>> Turn(absl::Duration deadline);
  std::optional<FeedMessage> Receive(std::optional<FeedMessage> message);
  // Returns the reason if it ends the subscription.
  absl::StatusOr<std::optional<FeedMessage>> Disconnect(absl::Status reason);
  void Connect();
  // Both can be ended by Cancel. False if nothing has changed until then.
  bool WaitForChange(uint64_t seen_changes, absl::Duration until);
  absl::Status WaitForRetry(absl::Duration deadline);

  // Constant after construction.
  Clock& clock_;
  const EventQuery query_;
  const Options options_;
  const std::unique_ptr<Wire> wire_;

  // Of the thread that calls Next.
  absl::BitGen random_;
  int failures_ = 0;
  bool heard_ = false;
  // From the stream at hand.
  bool stream_heard_ = false;
  absl::Duration retry_at_ = -absl::InfiniteDuration();
  absl::Duration last_heard_;

  mutable Mutex mutex_;
  CondVar changed_;
  // Guarded by mutex_.
  FeedPosition position_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  // Counts what the stream has announced.
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;

  // Of the thread that calls Next. Last, since its end must come before that of mutex_.
  std::unique_ptr<EventStream> stream_;
};

}  // namespace millrace::client
