#include "server/rpc/event_encoder.h"

#include "server/rpc/convert/event_proto.h"

namespace millrace {

EventEncoder::EventEncoder(const std::string& worker_id, size_t cache_bytes)
    : cache_bytes_(cache_bytes) {
  scratch_.add_events()->set_worker_id(worker_id);
}

std::shared_ptr<const EncodedBlock> EventEncoder::Encode(const EventBlock& block) {
  const auto found = by_sequence_.find(block.first_sequence());
  if (found != by_sequence_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->second;
  }
  std::shared_ptr<const EncodedBlock> encoded = EncodeAnew(block);
  entries_.emplace_front(block.first_sequence(), encoded);
  by_sequence_[block.first_sequence()] = entries_.begin();
  bytes_ += encoded->bytes.size();
  while (bytes_ > cache_bytes_ && entries_.size() > 1) {
    bytes_ -= entries_.back().second->bytes.size();
    by_sequence_.erase(entries_.back().first);
    entries_.pop_back();
  }
  return encoded;
}

std::shared_ptr<const EncodedBlock> EventEncoder::EncodeAnew(const EventBlock& block) {
  auto encoded = std::make_shared<EncodedBlock>();
  encoded->ends.reserve(block.events.size());
  for (const Event& event : block.events) {
    SetEvent(event, *scratch_.mutable_events(0));
    scratch_.AppendToString(&encoded->bytes);
    encoded->ends.push_back(encoded->bytes.size());
  }
  return encoded;
}

}  // namespace millrace
