#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/events/event_block.h"
#include "server/metrics/metrics.h"
#include "server/model/job_event.h"

namespace millrace {

// Sequences that the buffer holds no more, both bounds included.
struct MissingEvents {
  uint64_t first = 0;
  uint64_t last = 0;
};

// What a reader gets: what it has missed, if anything, then blocks in order. The first block may
// begin with events that the reader has seen already.
struct EventReading {
  std::optional<MissingEvents> missing;
  std::vector<std::shared_ptr<const EventBlock>> blocks;
};

// The events of one server incarnation: numbers them, keeps the latest in a ring buffer, and tells
// listeners that there are new ones. Readers are no more than a sequence that they have read up to:
// a slow one costs no memory and no time of a worker, and learns what it has missed.
// Owned by the service graph; outlives the pool and the readers. Thread-safe.
class EventEmitter {
 public:
  struct Options {
    // What the ring buffer keeps at most, whichever is reached first. The block emitted last is
    // always kept.
    size_t ring_events = 1'000'000;
    size_t ring_bytes = 16 * 1024 * 1024;
  };
  using ListenerId = uint64_t;

  // `incarnation` tells this server process from all others: its worker id.
  EventEmitter(std::string incarnation, Clock& clock, MetricsRegistry& metrics, Options options);

  const std::string& incarnation() const { return incarnation_; }

  // Numbers and stamps the events, which then belong to the feed in this order, and calls the
  // listeners. Emits nothing for an empty vector.
  void Emit(std::vector<Event> events);

  // The sequence of the event emitted last; 0 before the first.
  uint64_t last_sequence() const;

  // What was emitted after `after_sequence`, whole blocks, until they hold `max_events` or more.
  EventReading Read(uint64_t after_sequence, size_t max_events) const;

  // `on_emit` is called after each Emit, in the emitting thread: it must be quick and never block.
  // Once RemoveListener has returned it is not called any more. Do not call either from `on_emit`.
  ListenerId AddListener(std::function<void()> on_emit);
  void RemoveListener(ListenerId id);

 private:
  void EvictLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after construction.
  const std::string incarnation_;
  Clock& clock_;
  const Options options_;
  std::vector<Counter*> emitted_by_type_;

  mutable Mutex mutex_;
  // Guarded by mutex_.
  std::deque<std::shared_ptr<const EventBlock>> ring_ ABSL_GUARDED_BY(mutex_);
  size_t ring_events_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t ring_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_sequence_ ABSL_GUARDED_BY(mutex_) = 0;

  Mutex listeners_mutex_;
  std::map<ListenerId, std::function<void()>> listeners_ ABSL_GUARDED_BY(listeners_mutex_);
  ListenerId next_listener_ ABSL_GUARDED_BY(listeners_mutex_) = 1;
};

}  // namespace millrace
