#pragma once

#include <atomic>
#include <string>

#include "absl/time/time.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/rpc/event_cursor.h"

namespace millrace {

class EventStream;

// Who is told how streams fare, by gRPC's threads: it must be quick and never block.
class EventStreamListener {
 public:
  virtual ~EventStreamListener() = default;
  // The stream can be served: its write is done, or its subscriber has gone.
  virtual void OnStreamReady(EventStream& stream) = 0;
  // gRPC will not touch the stream any more.
  virtual void OnStreamDone(EventStream& stream) = 0;
};

// The stream of one subscriber. Messages are serialized already. Shared by the EventFeed's list of
// live streams, from which only OnStreamDone takes it, and by its pump.
// Write, End and what is said to be the pump's are used from one thread, that of the pump, so that
// writes, their order and the end need no lock; gRPC's threads only set flags.
class EventStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  EventStream(EventCursor cursor, EventStreamListener& listener);

  // Sends a message. REQUIRES: !writing() && !ended().
  void Write(std::string message, absl::Duration now);
  // Ends the stream, the second one with a last message; nothing else does. REQUIRES: !writing() &&
  // !ended().
  void End(const grpc::Status& status);
  void End(std::string message, const grpc::Status& status);

  bool writing() const { return writing_.load(std::memory_order_acquire); }
  // The subscriber has gone.
  bool broken() const { return broken_.load(std::memory_order_acquire); }
  // The pump's.
  bool ended() const { return ended_; }
  absl::Duration last_message_at() const { return last_message_at_; }
  EventCursor& cursor() { return cursor_; }

 private:
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  EventStreamListener& listener_;

  // The pump's.
  EventCursor cursor_;
  bool ended_ = false;
  absl::Duration last_message_at_;
  // The message being written.
  grpc::ByteBuffer message_;

  // Shared with gRPC's threads.
  std::atomic<bool> writing_ = false;
  std::atomic<bool> broken_ = false;
};

}  // namespace millrace
