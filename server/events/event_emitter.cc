#include "server/events/event_emitter.h"

#include <algorithm>
#include <utility>

namespace millrace {

EventEmitter::EventEmitter(std::string incarnation, Clock& clock, MetricsRegistry& metrics,
                           Options options)
    : incarnation_(std::move(incarnation)), clock_(clock), options_(options) {
  for (const EventType type : AllEventTypes()) {
    emitted_by_type_.push_back(&metrics.GetCounter("millrace_events_emitted_total",
                                                   "Events emitted, by type.",
                                                   {{"type", std::string(EventTypeName(type))}}));
  }
}

void EventEmitter::Emit(std::vector<Event> events) {
  if (events.empty()) return;
  std::vector<int> counts(emitted_by_type_.size());
  for (const Event& event : events) ++counts[static_cast<size_t>(event.type)];
  auto block = std::make_shared<EventBlock>(std::move(events));
  {
    MutexLock lock(mutex_);
    block->Stamp(last_sequence_ + 1, clock_.Now());
    last_sequence_ += block->size();
    ring_events_ += block->size();
    ring_bytes_ += block->bytes();
    ring_.push_back(std::move(block));
    EvictLocked();
  }
  for (size_t type = 0; type < counts.size(); ++type) {
    if (counts[type] > 0) emitted_by_type_[type]->Increment(counts[type]);
  }
  MutexLock lock(listeners_mutex_);
  for (const auto& [id, on_emit] : listeners_) on_emit();
}

void EventEmitter::EvictLocked() {
  while (ring_.size() > 1 &&
         (ring_events_ > options_.ring_events || ring_bytes_ > options_.ring_bytes)) {
    ring_events_ -= ring_.front()->size();
    ring_bytes_ -= ring_.front()->bytes();
    ring_.pop_front();
  }
}

uint64_t EventEmitter::last_sequence() const {
  MutexLock lock(mutex_);
  return last_sequence_;
}

EventReading EventEmitter::Read(uint64_t after_sequence, size_t max_events) const {
  EventReading reading;
  MutexLock lock(mutex_);
  if (ring_.empty() || after_sequence >= last_sequence_) return reading;
  const uint64_t oldest = ring_.front()->first_sequence();
  if (after_sequence + 1 < oldest) reading.missing = {after_sequence + 1, oldest - 1};
  auto block = std::partition_point(ring_.begin(), ring_.end(), [after_sequence](const auto& held) {
    return held->last_sequence() <= after_sequence;
  });
  for (size_t events = 0; block != ring_.end() && events < max_events; ++block) {
    events += (*block)->size();
    reading.blocks.push_back(*block);
  }
  return reading;
}

EventEmitter::ListenerId EventEmitter::AddListener(std::function<void()> on_emit) {
  MutexLock lock(listeners_mutex_);
  const ListenerId id = next_listener_++;
  listeners_.emplace(id, std::move(on_emit));
  return id;
}

void EventEmitter::RemoveListener(ListenerId id) {
  MutexLock lock(listeners_mutex_);
  listeners_.erase(id);
}

}  // namespace millrace
