#include "server/rpc/event_encoder.h"

namespace millrace {

EventEncoder::EventEncoder(const std::string& worker_id, size_t cache_bytes)
    : wire_(worker_id), encoded_(cache_bytes), unpacked_(cache_bytes) {}

std::shared_ptr<const EncodedBlock> EventEncoder::Encode(const EventBlock& block) {
  std::shared_ptr<const EncodedBlock> encoded = encoded_.Find(block.first_sequence());
  if (encoded != nullptr) return encoded;
  encoded = EncodeAnew(block);
  encoded_.Add(block.first_sequence(), encoded, encoded->bytes.size());
  return encoded;
}

std::shared_ptr<const std::vector<Event>> EventEncoder::Unpack(const EventBlock& block) {
  std::shared_ptr<const std::vector<Event>> events = unpacked_.Find(block.first_sequence());
  if (events != nullptr) return events;
  events = std::make_shared<const std::vector<Event>>(block.Unpack());
  size_t bytes = 0;
  for (const Event& event : *events) bytes += BytesOf(event);
  unpacked_.Add(block.first_sequence(), events, bytes);
  return events;
}

std::shared_ptr<const EncodedBlock> EventEncoder::EncodeAnew(const EventBlock& block) {
  auto encoded = std::make_shared<EncodedBlock>();
  encoded->ends.reserve(block.size());
  block.ForEach([&](const Event& event) {
    wire_.Append(event, encoded->bytes);
    encoded->ends.push_back(encoded->bytes.size());
  });
  return encoded;
}

}  // namespace millrace
