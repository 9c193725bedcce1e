#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "server/events/event_block.h"
#include "server/rpc/block_cache.h"
#include "server/rpc/convert/event_wire.h"

namespace millrace {

// The events of a block on the wire: `bytes` is a serialized EventBatch, and so is each part of it
// between two ends.
struct EncodedBlock {
  std::string bytes;
  // Where each event ends in `bytes`.
  std::vector<size_t> ends;
};

// Encodes blocks of events, or unpacks them for filters to look at, each once for all subscribers
// that are near each other: what was used last is kept. Owned by the EventFeed. Used from one
// thread: its pump.
class EventEncoder {
 public:
  // Keeps about `cache_bytes` of each. `worker_id` is that of the server, and goes with every
  // event.
  EventEncoder(const std::string& worker_id, size_t cache_bytes);

  std::shared_ptr<const EncodedBlock> Encode(const EventBlock& block);
  std::shared_ptr<const std::vector<Event>> Unpack(const EventBlock& block);

 private:
  std::shared_ptr<const EncodedBlock> EncodeAnew(const EventBlock& block);

  EventWire wire_;
  BlockCache<EncodedBlock> encoded_;
  BlockCache<std::vector<Event>> unpacked_;
};

}  // namespace millrace
