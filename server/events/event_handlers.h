#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "server/base/clock.h"
#include "server/base/lifecycle.h"
#include "server/base/mutex.h"
#include "server/events/event_emitter.h"
#include "server/metrics/metrics.h"

namespace millrace {

// Functions of this process that are called with the events of the emitter, one after the other,
// in a thread of their own. It reads the ring buffer as a subscriber of the feed does, so that a
// handler which is slow, waits or throws never reaches who emits; it holds up the other handlers,
// though, and what the ring drops meanwhile is counted, logged and never seen by them. What a
// handler throws is counted and logged, and the next event comes all the same.
// Owned by the service graph; the emitter and the clock outlive it. Thread-safe.
class EventHandlers final : public Lifecycle {
 public:
  // The event is there for the call alone.
  using Handler = std::function<void(const Event&)>;
  // Names one handler; never used again.
  using Handle = uint64_t;

  EventHandlers(EventEmitter& emitter, Clock& clock, MetricsRegistry& metrics);
  ~EventHandlers() override;

  // Calls `handler` with events of this type, or with all of them, that are emitted from now on.
  Handle On(EventType type, Handler handler) { return Add(type, std::move(handler)); }
  Handle OnAll(Handler handler) { return Add(std::nullopt, std::move(handler)); }

  // Ends that. The handler is not called any more once this has returned, so it waits for a call
  // that is under way, unless a handler calls it. Fine if it was ended before.
  void Off(Handle handle);

  // FAILED_PRECONDITION after a stop.
  absl::Status Start() override;
  // Handlers still get what was emitted until now, as far as five seconds suffice.
  void RequestStop() override;
  // Waits for the call that is under way, however long it takes.
  void Join() override;
  // The same, until five seconds after RequestStop at most. DEADLINE_EXCEEDED if a handler has not
  // returned by then, naming it: whoever goes on must destroy neither this nor anything that the
  // handler uses. REQUIRES: RequestStop was called.
  absl::Status JoinInTime();

 private:
  struct Entry {
    Handle handle;
    // Nothing: all.
    std::optional<EventType> type;
    Handler handler;
    // It gets what comes after this one.
    uint64_t after_sequence;
    // Of the dispatching thread.
    int64_t errors = 0;
  };
  using Entries = std::vector<std::shared_ptr<Entry>>;
  // A handler that is being called, and with what.
  struct Calling {
    Handle handle;
    uint64_t sequence;
    EventType type;
  };

  Handle Add(std::optional<EventType> type, Handler handler);
  void OnEmit();
  void Run();
  // Waits for events; false at the end.
  bool Await();
  void Read();
  void NoteMissed(const MissingEvents& missing);
  void Dispatch(const Event& event);
  // False if it has been ended, or it is too late.
  bool BeginCall(const Entry& entry, const Event& event);
  void EndCall();
  void Call(Entry& entry, const Event& event);

  // Constant after construction.
  EventEmitter& emitter_;
  Clock& clock_;
  Counter& errors_;
  Counter& missed_;

  // Of the dispatching thread: all up to here is done with.
  uint64_t sequence_ = 0;
  int64_t times_missed_ = 0;

  // Touched by Start, which is called once, and Join.
  std::thread dispatcher_;
  std::optional<EventEmitter::ListenerId> listener_id_;

  // So that emitting costs next to nothing while there are none.
  std::atomic<bool> any_ = false;

  Mutex mutex_;
  // Wakes the dispatching thread.
  CondVar changed_;
  // Wakes Off and JoinInTime.
  CondVar call_ended_;
  // Guarded by mutex_.
  // Replaced and never changed, so that it is dispatched from without the lock.
  std::shared_ptr<const Entries> entries_ ABSL_GUARDED_BY(mutex_);
  Handle next_handle_ ABSL_GUARDED_BY(mutex_) = 1;
  std::optional<Calling> calling_ ABSL_GUARDED_BY(mutex_);
  std::thread::id dispatcher_id_ ABSL_GUARDED_BY(mutex_);
  bool emitted_ ABSL_GUARDED_BY(mutex_) = false;
  // The dispatching thread has come to its end.
  bool dispatched_ ABSL_GUARDED_BY(mutex_) = false;
  // Set at the stop: up to which event, and until when.
  std::optional<uint64_t> last_ ABSL_GUARDED_BY(mutex_);
  absl::Duration give_up_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
