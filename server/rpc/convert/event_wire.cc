#include "server/rpc/convert/event_wire.h"

#include <cstdint>
#include <utility>
#include <variant>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "server/rpc/convert/event_proto.h"

namespace millrace {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

// Longer ones, and negative ones, go through the message.
constexpr absl::Duration kLongest = absl::Seconds(1'000'000'000);
constexpr int64_t kNanos = 1'000'000'000;

// Of a number and of what has a length; all field numbers here are below 16, so that a tag is a
// byte.
constexpr uint8_t NumberTag(int field) {
  return static_cast<uint8_t>(WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_VARINT));
}
constexpr uint8_t LengthTag(int field) {
  return static_cast<uint8_t>(
      WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
}

// Numbers that stand together. Zero is left out, as protobuf does.
class Numbers {
 public:
  void Add(int field, uint64_t number) {
    if (number == 0) return;
    *end_++ = NumberTag(field);
    end_ = CodedOutputStream::WriteVarint64ToArray(number, end_);
  }
  void AddDuration(int field, absl::Duration duration) {
    const int64_t nanoseconds = absl::ToInt64Nanoseconds(duration);
    Numbers parts;
    parts.Add(google::protobuf::Duration::kSecondsFieldNumber, nanoseconds / kNanos);
    parts.Add(google::protobuf::Duration::kNanosFieldNumber, nanoseconds % kNanos);
    *end_++ = LengthTag(field);
    *end_++ = static_cast<uint8_t>(parts.size());
    for (const uint8_t* at = parts.bytes_; at != parts.end_; ++at) *end_++ = *at;
  }
  void AddLength(int field, size_t length) {
    *end_++ = LengthTag(field);
    end_ = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(length), end_);
  }
  size_t size() const { return end_ - bytes_; }
  void AppendTo(std::string& bytes) const {
    bytes.append(reinterpret_cast<const char*>(bytes_), size());
  }

 private:
  uint8_t bytes_[48];
  uint8_t* end_ = bytes_;
};

}  // namespace

EventWire::EventWire(const std::string& worker_id) : worker_id_(worker_id) {
  scratch_.add_events()->set_worker_id(worker_id);
}

void EventWire::Append(const Event& event, std::string& bytes) {
  const auto* job = std::get_if<JobEventData>(&event.data);
  if (job != nullptr && Fits(event, *job)) return AppendInFrame(event, *job, bytes);
  SetEvent(event, *scratch_.mutable_events(0));
  scratch_.AppendToString(&bytes);
}

bool EventWire::Fits(const Event& event, const JobEventData& job) {
  for (const absl::Duration duration : {job.duration, job.queue_time}) {
    if (duration < absl::ZeroDuration() || duration > kLongest) return false;
  }
  if (job.job_id < 0) return false;
  framed_.job_id = job.job_id;
  framed_.duration = job.duration;
  framed_.queue_time = job.queue_time;
  if (has_frame_ && type_ == event.type && emitted_at_ == event.emitted_at && framed_ == job) {
    return true;
  }
  return MakeFrame(event, job);
}

bool EventWire::MakeFrame(const Event& event, const JobEventData& job) {
  JobEventData known = {.job_id = job.job_id,
                        .task_identifier = job.task_identifier,
                        .attempt = job.attempt,
                        .max_attempts = job.max_attempts,
                        .duration = job.duration,
                        .queue_time = job.queue_time,
                        .queue_name = job.queue_name,
                        .flags = job.flags};
  // It tells more than has a place in a frame.
  if (known != job) return false;
  Event common = event;
  common.sequence = 0;
  v1::Event head;
  SetEvent(common, head);
  head.set_worker_id(worker_id_);
  v1::JobEvent tail;
  tail.set_queue_name(head.job().queue_name());
  *tail.mutable_flags() = head.job().flags();
  v1::JobEvent middle;
  middle.set_task_identifier(head.job().task_identifier());
  middle.set_attempt(head.job().attempt());
  middle.set_max_attempts(head.job().max_attempts());
  head.clear_job();
  head_ = head.SerializeAsString();
  middle_ = middle.SerializeAsString();
  tail_ = tail.SerializeAsString();
  type_ = event.type;
  emitted_at_ = event.emitted_at;
  framed_ = std::move(known);
  has_frame_ = true;
  return true;
}

void EventWire::AppendInFrame(const Event& event, const JobEventData& job,
                              std::string& bytes) const {
  Numbers job_id;
  job_id.Add(v1::JobEvent::kJobIdFieldNumber, static_cast<uint64_t>(job.job_id));
  Numbers times;
  times.AddDuration(v1::JobEvent::kDurationFieldNumber, job.duration);
  times.AddDuration(v1::JobEvent::kQueueTimeFieldNumber, job.queue_time);
  Numbers sequence;
  sequence.Add(v1::Event::kSequenceFieldNumber, event.sequence);
  const size_t job_size = job_id.size() + middle_.size() + times.size() + tail_.size();
  Numbers job_header;
  job_header.AddLength(v1::Event::kJobFieldNumber, job_size);
  Numbers header;
  header.AddLength(v1::EventBatch::kEventsFieldNumber,
                   sequence.size() + head_.size() + job_header.size() + job_size);
  header.AppendTo(bytes);
  sequence.AppendTo(bytes);
  bytes += head_;
  job_header.AppendTo(bytes);
  job_id.AppendTo(bytes);
  bytes += middle_;
  times.AppendTo(bytes);
  bytes += tail_;
}

}  // namespace millrace
