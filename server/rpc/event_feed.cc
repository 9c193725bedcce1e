#include "server/rpc/event_feed.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/named_thread.h"
#include "server/rpc/grpc_status.h"

namespace millrace {
namespace {

absl::Status ShuttingDown() { return absl::UnavailableError("server is shutting down"); }

absl::Status TooSlow(uint64_t last_sequence) {
  return absl::ResourceExhaustedError(
      absl::StrCat("the subscriber was too slow, and what follows its last sequence, ",
                   last_sequence, ", is not all there any more"));
}

}  // namespace

EventFeed::EventFeed(EventEmitter& emitter, Clock& clock, MetricsRegistry& metrics, Options options)
    : emitter_(emitter),
      clock_(clock),
      options_(options),
      subscribers_(metrics.GetGauge("millrace_event_subscribers",
                                    "Streams of the event feed that are open.", {})),
      gaps_(metrics.GetCounter("millrace_event_gaps_total",
                               "Gaps announced to subscribers of the event feed.", {})),
      disconnects_(metrics.GetCounter("millrace_event_disconnects_total",
                                      "Subscribers of the event feed that were too slow and wanted "
                                      "to be disconnected then.",
                                      {})),
      encoder_(emitter.incarnation(), options.cache_bytes) {}

EventFeed::~EventFeed() {
  RequestStop();
  Join();
}

absl::Status EventFeed::Start() {
  {
    MutexLock lock(mutex_);
    if (last_.has_value()) return absl::FailedPreconditionError("stopped before it was started");
    running_ = true;
  }
  listener_id_ = emitter_.AddListener([this] { OnEmit(); });
  pump_ = StartNamedThread("event-feed", [this] { Pump(); });
  return absl::OkStatus();
}

void EventFeed::RequestStop() {
  const uint64_t last = emitter_.last_sequence();
  MutexLock lock(mutex_);
  if (!last_.has_value()) last_ = last;
  changed_.NotifyAll();
}

void EventFeed::Join() {
  if (pump_.joinable()) pump_.join();
  if (listener_id_.has_value()) emitter_.RemoveListener(*std::exchange(listener_id_, std::nullopt));
  MutexLock lock(mutex_);
  while (!streams_.empty()) gone_.Wait(mutex_);
}

absl::StatusOr<EventStream*> EventFeed::Subscribe(EventSubscription subscription) {
  EventStreamListener& listener = *this;
  auto stream = std::make_shared<EventStream>(
      EventCursor(std::move(subscription), emitter_, encoder_, options_.limits), listener);
  MutexLock lock(mutex_);
  if (!running_ || last_.has_value()) return ShuttingDown();
  if (streams_.size() >= options_.max_streams) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the event feed has ", streams_.size(), " subscribers already"));
  }
  streams_.emplace(stream.get(), stream);
  joined_.push_back(stream);
  subscribers_.Set(static_cast<double>(streams_.size()));
  changed_.NotifyOne();
  return stream.get();
}

void EventFeed::OnStreamReady(EventStream& stream) {
  MutexLock lock(mutex_);
  const auto found = streams_.find(&stream);
  if (found == streams_.end()) return;
  ready_.push_back(found->second);
  changed_.NotifyOne();
}

void EventFeed::OnStreamDone(EventStream& stream) {
  // Outlives the lock, since it may be the last reference.
  StreamPtr last;
  MutexLock lock(mutex_);
  const auto found = streams_.find(&stream);
  last = std::move(found->second);
  streams_.erase(found);
  subscribers_.Set(static_cast<double>(streams_.size()));
  if (streams_.empty()) gone_.NotifyAll();
}

void EventFeed::OnEmit() {
  MutexLock lock(mutex_);
  if (std::exchange(emitted_, true)) return;
  changed_.NotifyOne();
}

void EventFeed::Pump() {
  for (;;) {
    const Wakeup wakeup = Await();
    now_ = clock_.Monotonic();
    for (const StreamPtr& stream : wakeup.all ? serving_ : wakeup.streams) {
      Serve(stream, wakeup.last);
    }
    std::erase_if(serving_, [](const StreamPtr& stream) { return stream->ended(); });
    if (wakeup.last.has_value() && serving_.empty()) return;
  }
}

EventFeed::Wakeup EventFeed::Await() {
  Wakeup wakeup;
  wakeup.streams = std::exchange(again_, {});
  const bool more = !wakeup.streams.empty();
  const std::optional<absl::Duration> due = NextDue();
  const auto is_due = [&] { return due.has_value() && clock_.Monotonic() >= *due; };
  const absl::Duration wait =
      due.has_value() ? *due - clock_.Monotonic() : absl::InfiniteDuration();
  MutexLock lock(mutex_);
  // What is due is looked at again here: the clock goes on between the lines above and the wait.
  clock_.WaitFor(mutex_, changed_, wait, [&] {
    mutex_.AssertHeld();
    return more || emitted_ || !ready_.empty() || !joined_.empty() ||
           last_.has_value() != stop_seen_ || is_due();
  });
  wakeup.last = last_;
  wakeup.all = emitted_ || last_.has_value() || is_due();
  emitted_ = false;
  stop_seen_ = last_.has_value();
  serving_.insert(serving_.end(), joined_.begin(), joined_.end());
  std::move(joined_.begin(), joined_.end(), std::back_inserter(wakeup.streams));
  std::move(ready_.begin(), ready_.end(), std::back_inserter(wakeup.streams));
  joined_.clear();
  ready_.clear();
  return wakeup;
}

// When some stream is to be served though nothing happens; nothing if never.
std::optional<absl::Duration> EventFeed::NextDue() const {
  std::optional<absl::Duration> due;
  for (const StreamPtr& stream : serving_) {
    if (stream->writing()) continue;
    const absl::Duration at = stream->last_message_at() + options_.bookmark_interval;
    due = due.has_value() ? std::min(*due, at) : at;
  }
  return due;
}

void EventFeed::Serve(const StreamPtr& stream, std::optional<uint64_t> last) {
  if (stream->ended() || stream->writing()) return;
  if (stream->broken()) {
    stream->End(ToGrpcStatus(absl::CancelledError("the subscriber has gone")));
    return;
  }
  const auto is_over = [&] { return last.has_value() && stream->cursor().HasPassed(*last); };
  if (!is_over()) SendNext(stream);
  // Nothing wakes the pump for a stream that went on without a message.
  if (is_over() && !stream->writing() && !stream->ended())
    stream->End(ToGrpcStatus(ShuttingDown()));
}

void EventFeed::SendNext(const StreamPtr& stream) {
  std::string message;
  const EventCursor::Progress progress = stream->cursor().Next(message);
  if (progress == EventCursor::Progress::kGap) gaps_.Increment();
  if (progress == EventCursor::Progress::kOverflow) {
    disconnects_.Increment();
    stream->End(std::move(message), ToGrpcStatus(TooSlow(stream->cursor().sequence())));
  } else if (!message.empty()) {
    stream->Write(std::move(message), now_);
  } else if (now_ - stream->last_message_at() >= options_.bookmark_interval) {
    stream->Write(stream->cursor().Bookmark(), now_);
  } else if (progress == EventCursor::Progress::kMore) {
    again_.push_back(stream);
  }
}

}  // namespace millrace
