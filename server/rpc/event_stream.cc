#include "server/rpc/event_stream.h"

#include <utility>

#include "grpcpp/support/slice.h"

namespace millrace {
namespace {

// Without copying it.
grpc::ByteBuffer ToByteBuffer(std::string message) {
  auto* owned = new std::string(std::move(message));
  const grpc::Slice slice(
      owned->data(), owned->size(), [](void* text) { delete static_cast<std::string*>(text); },
      owned);
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

EventStream::EventStream(EventCursor cursor, EventStreamListener& listener)
    : listener_(listener), cursor_(std::move(cursor)) {}

void EventStream::Write(std::string message, absl::Duration now) {
  message_ = ToByteBuffer(std::move(message));
  last_message_at_ = now;
  writing_.store(true, std::memory_order_release);
  StartWrite(&message_);
}

void EventStream::End(const grpc::Status& status) {
  ended_ = true;
  Finish(status);
}

void EventStream::End(std::string message, const grpc::Status& status) {
  ended_ = true;
  message_ = ToByteBuffer(std::move(message));
  StartWriteAndFinish(&message_, grpc::WriteOptions(), status);
}

void EventStream::OnWriteDone(bool ok) {
  if (!ok) broken_.store(true, std::memory_order_release);
  writing_.store(false, std::memory_order_release);
  listener_.OnStreamReady(*this);
}

void EventStream::OnCancel() {
  broken_.store(true, std::memory_order_release);
  listener_.OnStreamReady(*this);
}

void EventStream::OnDone() { listener_.OnStreamDone(*this); }

}  // namespace millrace
