#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/events/event_emitter.h"
#include "server/rpc/convert/events_request.h"
#include "server/rpc/event_encoder.h"

namespace millrace {

// One subscriber's place in the event feed, and the messages that follow from it: a bookmark first,
// or the gap of a subscriber that comes from another incarnation, then batches of events that
// match, and gaps. It holds no events: how far behind it is costs nothing. The emitter and the
// encoder outlive it. Used from one thread: the pump of the EventFeed.
class EventCursor {
 public:
  struct Limits {
    // Of one message. It holds one event at least, however large.
    size_t batch_events = 1000;
    size_t batch_bytes = 1024 * 1024;
    // Events that one step looks at, so that a filter which matches nothing holds up nobody.
    size_t scan_events = 20'000;
  };

  // What Next has come to.
  enum class Progress {
    kMessage,
    // A message that says what is missing.
    kGap,
    // It was too slow, and wants to be disconnected then: the message, a bookmark, is its last.
    kOverflow,
    // There is nothing more to send.
    kIdle,
    // No message, but events that it has not looked at yet.
    kMore,
  };

  EventCursor(EventSubscription subscription, const EventEmitter& emitter, EventEncoder& encoder,
              Limits limits);

  // Goes on to the next message, which is a serialized EventsResponse in `message`; that is empty
  // unless there is one.
  Progress Next(std::string& message);

  // Whether it has nothing more to send up to this sequence.
  bool HasPassed(uint64_t sequence) const { return begun_ && sequence_ >= sequence; }

  // Everything up to here is dealt with.
  uint64_t sequence() const { return sequence_; }

  // A serialized bookmark: everything up to here was delivered or did not match.
  std::string Bookmark() const;

 private:
  struct Batch {
    // Pieces of encoded blocks, which `held` keeps alive.
    std::vector<std::string_view> pieces;
    std::vector<std::shared_ptr<const EncodedBlock>> held;
    size_t bytes = 0;
    size_t events = 0;
  };

  std::string GapMessage(uint64_t first, uint64_t last, const char* reason) const;
  std::string IncarnationGap();
  Progress ReportLoss(const MissingEvents& missing, std::string& message);
  std::string BatchMessage(const Batch& batch) const;
  // Adds what matches, and goes on to the end of the blocks; false if the batch is full before.
  bool Collect(const std::vector<std::shared_ptr<const EventBlock>>& blocks, Batch& batch);
  bool CollectBlock(const EventBlock& block, Batch& batch);
  // False if there is no room for it.
  bool AddPiece(const EncodedBlock& encoded, size_t index, Batch& batch) const;
  Progress NextBatch(std::string& message);

  // Constant after construction.
  const EventFilter filter_;
  const bool matches_all_;
  const bool end_on_overflow_;
  const EventEmitter& emitter_;
  EventEncoder& encoder_;
  const Limits limits_;
  // The end of every message: the incarnation as a serialized EventsResponse.
  const std::string suffix_;

  // The first message was made.
  bool begun_ = false;
  EventSubscription::Begin begin_;
  uint64_t sequence_;
};

}  // namespace millrace
