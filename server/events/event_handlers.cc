#include "server/events/event_handlers.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/logging.h"
#include "server/base/named_thread.h"

namespace millrace {
namespace {

constexpr size_t kEventsAtATime = 1000;
constexpr absl::Duration kStopGrace = absl::Seconds(5);

// The first, the second, the fourth and so on, so that a handler which always fails fills no log.
bool IsWorthALine(int64_t times) { return (times & (times - 1)) == 0; }

}  // namespace

EventHandlers::EventHandlers(EventEmitter& emitter, Clock& clock, MetricsRegistry& metrics)
    : emitter_(emitter),
      clock_(clock),
      errors_(metrics.GetCounter("millrace_event_handler_errors_total",
                                 "Exceptions thrown by event handlers of this process.", {})),
      missed_(metrics.GetCounter("millrace_event_handler_missed_total",
                                 "Events that handlers of this process were too slow for.", {})),
      entries_(std::make_shared<const Entries>()) {}

EventHandlers::~EventHandlers() {
  RequestStop();
  Join();
}

absl::Status EventHandlers::Start() {
  {
    MutexLock lock(mutex_);
    if (last_.has_value()) return absl::FailedPreconditionError("stopped before it was started");
  }
  listener_id_ = emitter_.AddListener([this] { OnEmit(); });
  dispatcher_ = StartNamedThread("event-handlers", [this] { Run(); });
  return absl::OkStatus();
}

void EventHandlers::RequestStop() {
  const uint64_t last = emitter_.last_sequence();
  MutexLock lock(mutex_);
  if (last_.has_value()) return;
  last_ = last;
  give_up_at_ = clock_.Monotonic() + kStopGrace;
  changed_.NotifyAll();
}

void EventHandlers::Join() {
  if (dispatcher_.joinable()) dispatcher_.join();
  if (listener_id_.has_value()) emitter_.RemoveListener(*std::exchange(listener_id_, std::nullopt));
}

absl::Status EventHandlers::JoinInTime() {
  if (!dispatcher_.joinable()) return absl::OkStatus();
  {
    MutexLock lock(mutex_);
    clock_.WaitUntil(mutex_, call_ended_, give_up_at_, [this] {
      mutex_.AssertHeld();
      return dispatched_;
    });
    // From now on no call begins.
    if (calling_.has_value()) {
      return absl::DeadlineExceededError(
          absl::StrCat("event handler ", calling_->handle, " has not returned from event ",
                       calling_->sequence, " (", std::string(EventTypeName(calling_->type)), ")"));
    }
  }
  Join();
  return absl::OkStatus();
}

EventHandlers::Handle EventHandlers::Add(std::optional<EventType> type, Handler handler) {
  const uint64_t now = emitter_.last_sequence();
  MutexLock lock(mutex_);
  const Handle handle = next_handle_++;
  Entries more = *entries_;
  more.push_back(std::make_shared<Entry>(Entry{handle, type, std::move(handler), now}));
  entries_ = std::make_shared<const Entries>(std::move(more));
  any_ = true;
  // Something may have been emitted before this was seen.
  emitted_ = true;
  changed_.NotifyAll();
  return handle;
}

void EventHandlers::Off(Handle handle) {
  // Outlives the lock: what the handler holds may do anything when it goes.
  std::shared_ptr<const Entries> before;
  MutexLock lock(mutex_);
  Entries fewer = *entries_;
  std::erase_if(fewer, [handle](const auto& entry) { return entry->handle == handle; });
  before = std::exchange(entries_, std::make_shared<const Entries>(std::move(fewer)));
  any_ = !entries_->empty();
  if (std::this_thread::get_id() == dispatcher_id_) return;
  while (calling_.has_value() && calling_->handle == handle) call_ended_.Wait(mutex_);
}

void EventHandlers::OnEmit() {
  if (!any_) return;
  MutexLock lock(mutex_);
  if (std::exchange(emitted_, true)) return;
  changed_.NotifyOne();
}

void EventHandlers::Run() {
  {
    MutexLock lock(mutex_);
    dispatcher_id_ = std::this_thread::get_id();
  }
  while (Await()) Read();
  MutexLock lock(mutex_);
  dispatched_ = true;
  call_ended_.NotifyAll();
}

bool EventHandlers::Await() {
  const bool more = any_ && sequence_ < emitter_.last_sequence();
  MutexLock lock(mutex_);
  while (!more && !emitted_ && !last_.has_value()) changed_.Wait(mutex_);
  emitted_ = false;
  if (!last_.has_value()) return true;
  return sequence_ < *last_ && !entries_->empty() && clock_.Monotonic() < give_up_at_;
}

void EventHandlers::Read() {
  // What came before the first of the handlers is nobody's.
  uint64_t wanted_after = emitter_.last_sequence();
  {
    MutexLock lock(mutex_);
    for (const auto& entry : *entries_)
      wanted_after = std::min(wanted_after, entry->after_sequence);
  }
  sequence_ = std::max(sequence_, wanted_after);
  const EventReading reading = emitter_.Read(sequence_, kEventsAtATime);
  if (reading.missing.has_value()) {
    NoteMissed(*reading.missing);
    sequence_ = reading.missing->last;
  }
  for (const auto& block : reading.blocks) {
    block->ForEach([this](const Event& event) {
      if (event.sequence <= sequence_) return;
      Dispatch(event);
      sequence_ = event.sequence;
    });
  }
}

void EventHandlers::NoteMissed(const MissingEvents& missing) {
  missed_.Increment(static_cast<double>(missing.last - missing.first + 1));
  if (!IsWorthALine(++times_missed_)) return;
  spdlog::warn("event handlers are too slow and have missed the events {} to {}; {} times so far",
               missing.first, missing.last, times_missed_);
}

void EventHandlers::Dispatch(const Event& event) {
  std::shared_ptr<const Entries> entries;
  {
    MutexLock lock(mutex_);
    entries = entries_;
  }
  for (const auto& entry : *entries) {
    if (entry->type.value_or(event.type) != event.type) continue;
    if (event.sequence <= entry->after_sequence || !BeginCall(*entry, event)) continue;
    Call(*entry, event);
    EndCall();
  }
}

bool EventHandlers::BeginCall(const Entry& entry, const Event& event) {
  MutexLock lock(mutex_);
  if (last_.has_value() && clock_.Monotonic() >= give_up_at_) return false;
  const bool there = std::any_of(entries_->begin(), entries_->end(), [&entry](const auto& each) {
    return each->handle == entry.handle;
  });
  if (there) calling_ = Calling{entry.handle, event.sequence, event.type};
  return there;
}

void EventHandlers::EndCall() {
  MutexLock lock(mutex_);
  calling_.reset();
  call_ended_.NotifyAll();
}

// The only place where exceptions of event handlers are caught.
void EventHandlers::Call(Entry& entry, const Event& event) {
  std::string thrown;
  try {
    entry.handler(event);
    return;
  } catch (const std::exception& exception) {
    thrown = exception.what();
  } catch (...) {
    thrown = "something that is not a std::exception";
  }
  errors_.Increment();
  if (!IsWorthALine(++entry.errors)) return;
  spdlog::warn("an event handler has thrown at event {} ({}), {} times so far: {}", event.sequence,
               EventTypeName(event.type), entry.errors, thrown);
}

}  // namespace millrace
