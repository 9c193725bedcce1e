#include "client/library/event_subscription.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/library/call.h"
#include "client/library/convert.h"
#include "client/library/event_stream.h"
#include "grpcpp/channel.h"
#include "millrace/v1/worker_pool.grpc.pb.h"

namespace millrace::client {
namespace {

// Answers that another attempt would not change.
bool IsFinal(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
      return true;
    default:
      return false;
  }
}

// Nothing for a kind of message that a later server may send.
std::optional<FeedMessage> Decode(v1::EventsResponse&& response) {
  FeedMessage message;
  message.incarnation = response.incarnation();
  if (response.has_batch()) {
    std::vector<FeedEvent> events;
    events.reserve(response.batch().events_size());
    for (v1::Event& event : *response.mutable_batch()->mutable_events()) {
      events.push_back(FromProto(std::move(event)));
    }
    message.content = std::move(events);
  } else if (response.has_gap()) {
    message.content = FeedGap{response.gap().first_missing(), response.gap().last_missing(),
                              response.gap().reason()};
  } else if (response.has_bookmark()) {
    message.content = FeedBookmark{response.bookmark().sequence()};
  } else {
    return std::nullopt;
  }
  return message;
}

// The last sequence that a message speaks for.
uint64_t LastSequence(const FeedMessage& message) {
  if (const auto* events = std::get_if<std::vector<FeedEvent>>(&message.content)) {
    return events->empty() ? 0 : events->back().sequence;
  }
  if (const auto* gap = std::get_if<FeedGap>(&message.content)) return gap->last_missing;
  return std::get<FeedBookmark>(message.content).sequence;
}

}  // namespace

struct EventSubscription::Wire {
  std::unique_ptr<v1::WorkerPool::Stub> stub;
};

EventSubscription::EventSubscription(const Connection& connection, Clock& clock, EventQuery query,
                                     Options options)
    : clock_(clock),
      query_(std::move(query)),
      options_(std::move(options)),
      wire_(new Wire{v1::WorkerPool::NewStub(connection.channel())}),
      position_(query_.after) {}

EventSubscription::~EventSubscription() = default;

absl::StatusOr<FeedMessage> EventSubscription::Next(absl::Duration timeout) {
  const absl::Duration deadline = clock_.Monotonic() + timeout;
  while (true) {
    absl::StatusOr<std::optional<FeedMessage>> turn = Turn(deadline);
    if (!turn.ok()) return turn.status();
    if (turn->has_value()) return **std::move(turn);
  }
}

absl::Status EventSubscription::Run(const std::function<void(const FeedMessage&)>& on_message) {
  while (true) {
    const absl::StatusOr<FeedMessage> message = Next();
    if (absl::IsCancelled(message.status())) return absl::OkStatus();
    if (!message.ok()) return message.status();
    on_message(*message);
  }
}

void EventSubscription::Cancel() {
  MutexLock lock(mutex_);
  cancelled_ = true;
  changed_.NotifyAll();
}

FeedPosition EventSubscription::position() const {
  MutexLock lock(mutex_);
  return position_;
}

absl::StatusOr<std::optional<FeedMessage>> EventSubscription::Turn(absl::Duration deadline) {
  if (stream_ == nullptr) {
    if (absl::Status waited = WaitForRetry(deadline); !waited.ok()) return waited;
    Connect();
  }
  uint64_t seen_changes = 0;
  {
    MutexLock lock(mutex_);
    if (cancelled_) return absl::CancelledError("the subscription was cancelled");
    seen_changes = changes_;
  }
  if (std::optional<v1::EventsResponse> response = stream_->Take(); response.has_value()) {
    return Receive(Decode(*std::move(response)));
  }
  if (const std::optional<grpc::Status> ended = stream_->ended(); ended.has_value()) {
    return Disconnect(ended->ok() ? absl::UnavailableError("the server ended the stream")
                                  : FromGrpc(*ended));
  }
  const absl::Duration silence_end = last_heard_ + options_.silence_limit;
  if (WaitForChange(seen_changes, std::min(deadline, silence_end))) return std::nullopt;
  if (clock_.Monotonic() < silence_end) return absl::DeadlineExceededError("no message came");
  return Disconnect(absl::UnavailableError(
      absl::StrCat("nothing was heard for ", absl::ToInt64Seconds(options_.silence_limit), " s")));
}

std::optional<FeedMessage> EventSubscription::Receive(std::optional<FeedMessage> message) {
  heard_ = true;
  stream_heard_ = true;
  failures_ = 0;
  last_heard_ = clock_.Monotonic();
  if (!message.has_value()) return std::nullopt;
  const uint64_t sequence = LastSequence(*message);
  MutexLock lock(mutex_);
  if (position_.incarnation != message->incarnation) {
    position_ = {message->incarnation, sequence};
  } else {
    position_.sequence = std::max(position_.sequence, sequence);
  }
  return message;
}

bool EventSubscription::WaitForChange(uint64_t seen_changes, absl::Duration until) {
  MutexLock lock(mutex_);
  return clock_.WaitFor(mutex_, changed_, until - clock_.Monotonic(), [this, seen_changes] {
    mutex_.AssertHeld();
    return cancelled_ || changes_ != seen_changes;
  });
}

absl::Status EventSubscription::WaitForRetry(absl::Duration deadline) {
  const absl::Duration until = std::min(deadline, retry_at_);
  MutexLock lock(mutex_);
  clock_.WaitFor(mutex_, changed_, until - clock_.Monotonic(), [this] {
    mutex_.AssertHeld();
    return cancelled_;
  });
  if (cancelled_) return absl::CancelledError("the subscription was cancelled");
  if (clock_.Monotonic() >= retry_at_) return absl::OkStatus();
  return absl::DeadlineExceededError("the server cannot be reached yet");
}

void EventSubscription::Connect() {
  const FeedPosition after = position();
  v1::EventsRequest request;
  for (const std::string& type : query_.types) request.add_types(type);
  for (const std::string& task : query_.task_identifiers) request.add_task_identifiers(task);
  for (const JobId id : query_.job_ids) request.add_job_ids(id);
  for (const std::string& queue : query_.queue_names) request.add_queue_names(queue);
  for (const std::string& flag : query_.flags) request.add_flags(flag);
  request.set_after_sequence(after.sequence);
  request.set_incarnation(after.incarnation);
  if (query_.end_on_overflow) request.set_overflow(v1::EVENT_OVERFLOW_DISCONNECT);
  stream_heard_ = false;
  last_heard_ = clock_.Monotonic();
  // Once it was there, it is waited for: gRPC looks for it every two seconds or sooner.
  stream_ = std::make_unique<EventStream>(*wire_->stub, std::move(request), heard_, [this] {
    MutexLock lock(mutex_);
    ++changes_;
    changed_.NotifyAll();
  });
}

absl::StatusOr<std::optional<FeedMessage>> EventSubscription::Disconnect(absl::Status reason) {
  stream_.reset();
  // Before the first message it would say that there are too many subscribers.
  if (query_.end_on_overflow && stream_heard_ && absl::IsResourceExhausted(reason)) return reason;
  ++failures_;
  const bool never_came =
      !heard_ && options_.first_attempts > 0 && failures_ >= options_.first_attempts;
  if (never_came || IsFinal(reason.code())) return reason;
  retry_at_ = clock_.Monotonic() + options_.backoff.DelayAfter(failures_, random_);
  if (options_.on_disconnect) options_.on_disconnect(reason);
  return std::nullopt;
}

}  // namespace millrace::client
