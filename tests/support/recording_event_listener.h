#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/events/event_emitter.h"

namespace millrace {

// Gathers the events of an emitter for a test, and waits for them: a minute of real time at most.
// Lives shorter than the emitter. Thread-safe.
class RecordingEventListener {
 public:
  explicit RecordingEventListener(EventEmitter& emitter) : emitter_(emitter) {
    listener_ = emitter_.AddListener([this] {
      MutexLock lock(mutex_);
      changed_.NotifyAll();
    });
  }
  ~RecordingEventListener() { emitter_.RemoveListener(listener_); }
  RecordingEventListener(const RecordingEventListener&) = delete;
  RecordingEventListener& operator=(const RecordingEventListener&) = delete;

  std::vector<Event> All() const {
    std::vector<Event> all;
    for (const auto& block : emitter_.Read(0, emitter_.last_sequence() + 1).blocks) {
      block->ForEach([&all](const Event& event) { all.push_back(event); });
    }
    return all;
  }

  std::vector<Event> OfType(EventType type) const {
    std::vector<Event> found;
    for (Event& event : All()) {
      if (event.type == type) found.push_back(std::move(event));
    }
    return found;
  }

  // The names of the types, in order.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const Event& event : All()) names.emplace_back(EventTypeName(event.type));
    return names;
  }

  // False if fewer than `count` came in time.
  bool WaitFor(EventType type, size_t count = 1) const {
    SystemClock real;
    const absl::Duration deadline = real.Monotonic() + absl::Minutes(1);
    while (OfType(type).size() < count) {
      if (real.Monotonic() > deadline) return false;
      MutexLock lock(mutex_);
      changed_.WaitWithTimeout(mutex_, absl::Milliseconds(5));
    }
    return true;
  }

 private:
  EventEmitter& emitter_;
  EventEmitter::ListenerId listener_ = 0;
  mutable Mutex mutex_;
  mutable CondVar changed_;
};

}  // namespace millrace
