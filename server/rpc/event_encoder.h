#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "millrace/v1/worker_pool.pb.h"
#include "server/events/event_emitter.h"

namespace millrace {

// The events of a block on the wire: `bytes` is a serialized EventBatch, and so is each part of it
// between two ends.
struct EncodedBlock {
  std::string bytes;
  // Where each event ends in `bytes`.
  std::vector<size_t> ends;
};

// Encodes blocks of events, each once for all subscribers that are near each other: the blocks used
// last are kept. Owned by the EventFeed. Used from one thread: its pump.
class EventEncoder {
 public:
  // Keeps about `cache_bytes`. `worker_id` is that of the server, and goes with every event.
  EventEncoder(const std::string& worker_id, size_t cache_bytes);

  // Shared, since a reader may hold a block that has gone from the cache meanwhile.
  std::shared_ptr<const EncodedBlock> Encode(const EventBlock& block);

 private:
  using Entry = std::pair<uint64_t, std::shared_ptr<const EncodedBlock>>;

  std::shared_ptr<const EncodedBlock> EncodeAnew(const EventBlock& block);

  const size_t cache_bytes_;
  // Holds the event being encoded, over and over, so that it allocates no more.
  v1::EventBatch scratch_;
  // By the first sequence of the block; the one used last in front.
  std::list<Entry> entries_;
  absl::flat_hash_map<uint64_t, std::list<Entry>::iterator> by_sequence_;
  size_t bytes_ = 0;
};

}  // namespace millrace
