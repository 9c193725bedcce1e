#include "server/rpc/event_cursor.h"

#include <utility>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"

namespace millrace {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

std::string SerializedIncarnation(const std::string& incarnation) {
  v1::EventsResponse response;
  response.set_incarnation(incarnation);
  return response.SerializeAsString();
}

// The tag of EventsResponse.batch and the length of what follows.
std::string BatchHeader(size_t bytes) {
  uint8_t header[16];
  uint8_t* end = CodedOutputStream::WriteTagToArray(
      WireFormatLite::MakeTag(v1::EventsResponse::kBatchFieldNumber,
                              WireFormatLite::WIRETYPE_LENGTH_DELIMITED),
      header);
  end = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(bytes), end);
  return std::string(header, end);
}

}  // namespace

EventCursor::EventCursor(EventSubscription subscription, const EventEmitter& emitter,
                         EventEncoder& encoder, Limits limits)
    : filter_(std::move(subscription.filter)),
      matches_all_(filter_.MatchesAll()),
      end_on_overflow_(subscription.end_on_overflow),
      emitter_(emitter),
      encoder_(encoder),
      limits_(limits),
      suffix_(SerializedIncarnation(emitter.incarnation())),
      begin_(subscription.begin),
      sequence_(subscription.after_sequence) {}

EventCursor::Progress EventCursor::Next(std::string& message) {
  message.clear();
  if (std::exchange(begun_, true)) return NextBatch(message);
  // At once: a stream that broke behind a bookmark would be resumed in this incarnation, and never
  // hear that there was another.
  const bool other = begin_ == EventSubscription::Begin::kOtherIncarnation;
  message = other ? IncarnationGap() : Bookmark();
  return other ? Progress::kGap : Progress::kMessage;
}

std::string EventCursor::Bookmark() const {
  v1::EventsResponse response;
  response.mutable_bookmark()->set_sequence(sequence_);
  return response.SerializeAsString() + suffix_;
}

std::string EventCursor::GapMessage(uint64_t first, uint64_t last, const char* reason) const {
  v1::EventsResponse response;
  v1::EventGap& gap = *response.mutable_gap();
  gap.set_first_missing(first);
  gap.set_last_missing(last);
  gap.set_reason(reason);
  return response.SerializeAsString() + suffix_;
}

std::string EventCursor::IncarnationGap() {
  const EventReading reading = emitter_.Read(0, 1);
  if (reading.missing.has_value()) sequence_ = reading.missing->last;
  // 1 to 0 if this incarnation has lost nothing yet.
  return GapMessage(1, sequence_, "incarnation");
}

EventCursor::Progress EventCursor::ReportLoss(const MissingEvents& missing, std::string& message) {
  // Missing before anything was read is what the subscriber came too late for.
  const bool evicted = std::exchange(begin_, EventSubscription::Begin::kNow) ==
                       EventSubscription::Begin::kAfterSequence;
  if (end_on_overflow_ && !evicted) {
    message = Bookmark();
    return Progress::kOverflow;
  }
  sequence_ = missing.last;
  message = GapMessage(missing.first, missing.last, evicted ? "evicted" : "overflow");
  return Progress::kGap;
}

EventCursor::Progress EventCursor::NextBatch(std::string& message) {
  Batch batch;
  for (size_t scanned = 0; scanned < limits_.scan_events;) {
    const uint64_t before = sequence_;
    const EventReading reading = emitter_.Read(sequence_, limits_.batch_events);
    if (reading.missing.has_value()) {
      // What was collected so far comes first; the loss is found again with the next step.
      if (batch.events > 0) break;
      return ReportLoss(*reading.missing, message);
    }
    begin_ = EventSubscription::Begin::kNow;
    if (reading.blocks.empty() || !Collect(reading.blocks, batch)) break;
    scanned += sequence_ - before;
    if (batch.events > 0 && scanned >= limits_.batch_events) break;
  }
  if (batch.events > 0) {
    message = BatchMessage(batch);
    return Progress::kMessage;
  }
  return sequence_ < emitter_.last_sequence() ? Progress::kMore : Progress::kIdle;
}

bool EventCursor::Collect(const std::vector<std::shared_ptr<const EventBlock>>& blocks,
                          Batch& batch) {
  for (const auto& block : blocks) {
    if (!CollectBlock(*block, batch)) return false;
  }
  return true;
}

bool EventCursor::CollectBlock(const EventBlock& block, Batch& batch) {
  const uint64_t first = block.first_sequence();
  std::shared_ptr<const EncodedBlock> encoded;
  const auto events = matches_all_ ? nullptr : encoder_.Unpack(block);
  for (size_t i = sequence_ < first ? 0 : sequence_ + 1 - first; i < block.size(); ++i) {
    if (matches_all_ || filter_.Matches((*events)[i])) {
      if (encoded == nullptr) {
        encoded = encoder_.Encode(block);
        batch.held.push_back(encoded);
      }
      if (!AddPiece(*encoded, i, batch)) return false;
    }
    sequence_ = first + i;
  }
  return true;
}

bool EventCursor::AddPiece(const EncodedBlock& encoded, size_t index, Batch& batch) const {
  const size_t begin = index == 0 ? 0 : encoded.ends[index - 1];
  const size_t size = encoded.ends[index] - begin;
  if (batch.events >= limits_.batch_events) return false;
  if (batch.events > 0 && batch.bytes + size > limits_.batch_bytes) return false;
  const std::string_view piece = std::string_view(encoded.bytes).substr(begin, size);
  std::string_view* last = batch.pieces.empty() ? nullptr : &batch.pieces.back();
  if (last != nullptr && last->data() + last->size() == piece.data()) {
    *last = std::string_view(last->data(), last->size() + size);
  } else {
    batch.pieces.push_back(piece);
  }
  batch.bytes += size;
  ++batch.events;
  return true;
}

std::string EventCursor::BatchMessage(const Batch& batch) const {
  const std::string header = BatchHeader(batch.bytes);
  std::string message;
  message.reserve(header.size() + batch.bytes + suffix_.size());
  message += header;
  for (const std::string_view piece : batch.pieces) message += piece;
  message += suffix_;
  return message;
}

}  // namespace millrace
