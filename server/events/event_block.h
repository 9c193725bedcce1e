#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/model/job_event.h"

namespace millrace {

// What an event holds in memory, about.
size_t BytesOf(const Event& event);

// Events that were emitted together, with consecutive sequences. Most events of a busy pool tell
// that a job has ended and nothing more; of those a block keeps only what differs from the one
// before, in about ten bytes instead of two hundred. The others are kept whole. Shared by the ring
// of the emitter and its readers. Thread-safe once it is emitted: it is never changed then.
class EventBlock {
 public:
  // In order. REQUIRES: !events.empty().
  explicit EventBlock(std::vector<Event> events);

  // Numbers the events from here on. For the emitter, once.
  void Stamp(uint64_t first_sequence, absl::Time emitted_at);

  size_t size() const { return size_; }
  // What it holds in memory, about.
  size_t bytes() const { return bytes_; }
  uint64_t first_sequence() const { return first_sequence_; }
  uint64_t last_sequence() const { return first_sequence_ + size_ - 1; }

  // Calls `visit` with each event in order, which is the event's only during that call.
  void ForEach(const std::function<void(const Event&)>& visit) const;
  std::vector<Event> Unpack() const;

 private:
  // What packed events have in common.
  struct Kind {
    EventType type;
    std::string task_identifier;
    int attempt = 0;
    int max_attempts = 0;
    std::string queue_name;
    std::vector<std::string> flags;

    bool operator==(const Kind&) const = default;
  };
  // What a packed event has of its own, as it stands in packed_: differences to the one before.
  struct Numbers {
    uint64_t job_id = 0;
    uint64_t duration_ns = 0;
    uint64_t queue_time_ns = 0;
  };

  // False if it has to be kept whole.
  bool Pack(Event& event, Numbers& last);
  size_t PlaceOf(Kind kind);
  size_t CountBytes() const;

  // Constant after Stamp.
  uint64_t first_sequence_ = 0;
  absl::Time emitted_at_;
  size_t size_;
  size_t bytes_ = 0;
  // For each event the place of its kind, from 1, and its numbers; or 0 for the next one of whole_.
  // Empty if all of them are there.
  std::string packed_;
  std::vector<Kind> kinds_;
  std::vector<Event> whole_;
};

}  // namespace millrace
