#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/lifecycle.h"
#include "server/base/mutex.h"
#include "server/events/event_emitter.h"
#include "server/metrics/metrics.h"
#include "server/rpc/event_encoder.h"
#include "server/rpc/event_stream.h"

namespace millrace {

// Sends the events of the emitter to all subscribers, from one thread of its own, the pump: each
// stream has a cursor into the emitter's buffer and one write in flight, and whatever came during
// that write is the next message. So a slow subscriber delays nobody and costs no memory; what the
// buffer has dropped meanwhile is announced to it as a gap, or ends its stream if it wants that.
// Owned by the RpcServer; the emitter and the clock outlive it. Thread-safe.
class EventFeed final : public Lifecycle, private EventStreamListener {
 public:
  struct Options {
    // Streams at a time.
    size_t max_streams = 500;
    // What a stream carries at least, so that its end is noticed and a filter that matches nothing
    // does not keep its subscriber's place back.
    absl::Duration bookmark_interval = absl::Seconds(10);
    // Encoded events that are kept for the next subscriber.
    size_t cache_bytes = 8 * 1024 * 1024;
    EventCursor::Limits limits;
  };

  EventFeed(EventEmitter& emitter, Clock& clock, MetricsRegistry& metrics, Options options);
  ~EventFeed() override;

  absl::Status Start() override;
  // Takes no more streams, and ends each with UNAVAILABLE behind the events that were emitted until
  // now. One whose subscriber does not take them ends when the grpc::Server breaks it off.
  void RequestStop() override;
  // Waits also until gRPC has let go of every stream.
  void Join() override;

  // The stream for a subscriber, which is served from now on; gRPC keeps it as long as it needs.
  // UNAVAILABLE while the feed does not run, RESOURCE_EXHAUSTED beyond max_streams.
  absl::StatusOr<EventStream*> Subscribe(EventSubscription subscription);

 private:
  using StreamPtr = std::shared_ptr<EventStream>;
  // What the pump finds when it wakes.
  struct Wakeup {
    // Set at the stop: streams end behind this sequence.
    std::optional<uint64_t> last;
    // Every stream is to be served; otherwise those in `streams`.
    bool all = false;
    std::vector<StreamPtr> streams;
  };

  void OnStreamReady(EventStream& stream) override;
  void OnStreamDone(EventStream& stream) override;
  void OnEmit();

  void Pump();
  Wakeup Await();
  std::optional<absl::Duration> NextDue() const;
  void Serve(const StreamPtr& stream, std::optional<uint64_t> last);
  void SendNext(const StreamPtr& stream);

  // Constant after construction.
  EventEmitter& emitter_;
  Clock& clock_;
  const Options options_;
  Gauge& subscribers_;
  Counter& gaps_;
  Counter& disconnects_;

  // The pump's: streams that it has not ended, those of them that have more to look at, and the
  // time of this round.
  EventEncoder encoder_;
  std::vector<StreamPtr> serving_;
  std::vector<StreamPtr> again_;
  absl::Duration now_;

  // Touched by Start, which is called once, and Join.
  std::thread pump_;
  std::optional<EventEmitter::ListenerId> listener_id_;

  Mutex mutex_;
  // Wakes the pump.
  CondVar changed_;
  // Wakes Join.
  CondVar gone_;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  // The sequence of the event emitted last, when the stop was requested.
  std::optional<uint64_t> last_ ABSL_GUARDED_BY(mutex_);
  bool emitted_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_seen_ ABSL_GUARDED_BY(mutex_) = false;
  // Live streams: until gRPC is done with them.
  std::unordered_map<EventStream*, StreamPtr> streams_ ABSL_GUARDED_BY(mutex_);
  std::vector<StreamPtr> joined_ ABSL_GUARDED_BY(mutex_);
  std::vector<StreamPtr> ready_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
