#include "server/events/event_block.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

namespace millrace {
namespace {

// Fewer events take more memory packed than whole.
constexpr size_t kWorthPacking = 4;
// Of the kinds seen last, how many are compared before another one is entered.
constexpr size_t kKindsLookedAt = 8;
// A counter in the map of a progress, without its name.
constexpr size_t kMapNode = 96;

// Seven bits to a byte, the least first.
void AppendNumber(uint64_t number, std::string& bytes) {
  for (; number >= 0x80; number >>= 7) bytes.push_back(static_cast<char>(number | 0x80));
  bytes.push_back(static_cast<char>(number));
}

uint64_t TakeNumber(const char*& at) {
  uint64_t number = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(*at++);
    number |= uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return number;
  }
}

// Small steps down become small numbers as well as small steps up. All arithmetic is modulo 2^64,
// so that every difference comes back.
void AppendStep(uint64_t from, uint64_t to, std::string& bytes) {
  const uint64_t step = to - from;
  AppendNumber((step << 1) ^ (step >> 63 == 0 ? 0 : ~uint64_t{0}), bytes);
}

uint64_t TakeStep(uint64_t from, const char*& at) {
  const uint64_t number = TakeNumber(at);
  return from + ((number >> 1) ^ ((number & 1) == 0 ? 0 : ~uint64_t{0}));
}

// Nothing if it would not come back the same.
std::optional<uint64_t> ToNanoseconds(absl::Duration duration) {
  const int64_t nanoseconds = absl::ToInt64Nanoseconds(duration);
  if (absl::Nanoseconds(nanoseconds) != duration) return std::nullopt;
  return static_cast<uint64_t>(nanoseconds);
}

absl::Duration FromNanoseconds(uint64_t nanoseconds) {
  return absl::Nanoseconds(static_cast<int64_t>(nanoseconds));
}

size_t HeapBytes(const std::vector<std::string>& texts) {
  size_t bytes = texts.capacity() * sizeof(std::string);
  for (const std::string& text : texts) bytes += text.capacity();
  return bytes;
}

size_t HeapBytes(const PartialSuccess& partial) {
  return sizeof(PartialSuccess) + partial.results.capacity() + partial.retry_from_step.capacity() +
         HeapBytes(partial.completed_steps) + HeapBytes(partial.failed_steps);
}

size_t HeapBytes(const JobProgress& progress) {
  size_t bytes = sizeof(JobProgress) + progress.message.capacity();
  for (const auto& [name, count] : progress.counters) bytes += kMapNode + name.capacity();
  return bytes;
}

size_t HeapBytes(const Event& event) {
  if (const auto* job = std::get_if<JobEventData>(&event.data)) {
    return job->task_identifier.capacity() + job->error.capacity() + job->queue_name.capacity() +
           HeapBytes(job->flags) + (job->progress == nullptr ? 0 : HeapBytes(*job->progress)) +
           (job->partial_success == nullptr ? 0 : HeapBytes(*job->partial_success));
  }
  if (const auto* error = std::get_if<WorkerErrorData>(&event.data)) {
    return error->operation.capacity() + error->error.capacity();
  }
  return 0;
}

}  // namespace

size_t BytesOf(const Event& event) { return sizeof(Event) + HeapBytes(event); }

EventBlock::EventBlock(std::vector<Event> events) : size_(events.size()) {
  if (size_ < kWorthPacking) {
    whole_ = std::move(events);
  } else {
    packed_.reserve(size_ * 10);
    Numbers last;
    for (Event& event : events) {
      if (Pack(event, last)) continue;
      packed_.push_back(0);
      whole_.push_back(std::move(event));
    }
  }
  packed_.shrink_to_fit();
  kinds_.shrink_to_fit();
  whole_.shrink_to_fit();
  bytes_ = CountBytes();
}

void EventBlock::Stamp(uint64_t first_sequence, absl::Time emitted_at) {
  first_sequence_ = first_sequence;
  emitted_at_ = emitted_at;
}

bool EventBlock::Pack(Event& event, Numbers& last) {
  auto* job = std::get_if<JobEventData>(&event.data);
  if (job == nullptr) return false;
  const std::optional<uint64_t> duration = ToNanoseconds(job->duration);
  const std::optional<uint64_t> queue_time = ToNanoseconds(job->queue_time);
  if (!duration.has_value() || !queue_time.has_value()) return false;
  // What is packed is taken out; if that leaves anything, the event is kept whole.
  const JobEventData whole_numbers = {.job_id = job->job_id,
                                      .attempt = job->attempt,
                                      .max_attempts = job->max_attempts,
                                      .duration = job->duration,
                                      .queue_time = job->queue_time};
  Kind kind = {event.type,        std::move(job->task_identifier), job->attempt,
               job->max_attempts, std::move(job->queue_name),      std::move(job->flags)};
  job->task_identifier.clear();
  job->queue_name.clear();
  job->flags.clear();
  if (*job != whole_numbers) {
    job->task_identifier = std::move(kind.task_identifier);
    job->queue_name = std::move(kind.queue_name);
    job->flags = std::move(kind.flags);
    return false;
  }
  const Numbers numbers = {static_cast<uint64_t>(job->job_id), *duration, *queue_time};
  AppendNumber(PlaceOf(std::move(kind)) + 1, packed_);
  AppendStep(last.job_id, numbers.job_id, packed_);
  AppendStep(last.duration_ns, numbers.duration_ns, packed_);
  AppendStep(last.queue_time_ns, numbers.queue_time_ns, packed_);
  last = numbers;
  return true;
}

size_t EventBlock::PlaceOf(Kind kind) {
  const auto looked_at = static_cast<std::ptrdiff_t>(std::min(kinds_.size(), kKindsLookedAt));
  const auto found = std::find(kinds_.rbegin(), kinds_.rbegin() + looked_at, kind);
  if (found != kinds_.rbegin() + looked_at) return kinds_.rend() - found - 1;
  kinds_.push_back(std::move(kind));
  return kinds_.size() - 1;
}

size_t EventBlock::CountBytes() const {
  size_t bytes = sizeof(EventBlock) + packed_.capacity() + kinds_.capacity() * sizeof(Kind) +
                 whole_.capacity() * sizeof(Event);
  for (const Kind& kind : kinds_) {
    bytes += kind.task_identifier.capacity() + kind.queue_name.capacity() + HeapBytes(kind.flags);
  }
  for (const Event& event : whole_) bytes += HeapBytes(event);
  return bytes;
}

void EventBlock::ForEach(const std::function<void(const Event&)>& visit) const {
  const char* at = packed_.data();
  auto whole = whole_.begin();
  const Kind* last_kind = nullptr;
  Numbers numbers;
  Event unpacked;
  auto& job = unpacked.data.emplace<JobEventData>();
  for (size_t i = 0; i < size_; ++i) {
    const uint64_t place = packed_.empty() ? 0 : TakeNumber(at);
    if (place == 0) {
      Event event = *whole++;
      event.sequence = first_sequence_ + i;
      event.emitted_at = emitted_at_;
      visit(event);
      continue;
    }
    numbers.job_id = TakeStep(numbers.job_id, at);
    numbers.duration_ns = TakeStep(numbers.duration_ns, at);
    numbers.queue_time_ns = TakeStep(numbers.queue_time_ns, at);
    const Kind& kind = kinds_[place - 1];
    if (&kind != std::exchange(last_kind, &kind)) {
      unpacked.type = kind.type;
      job.task_identifier = kind.task_identifier;
      job.attempt = kind.attempt;
      job.max_attempts = kind.max_attempts;
      job.queue_name = kind.queue_name;
      job.flags = kind.flags;
    }
    unpacked.sequence = first_sequence_ + i;
    unpacked.emitted_at = emitted_at_;
    job.job_id = static_cast<JobId>(numbers.job_id);
    job.duration = FromNanoseconds(numbers.duration_ns);
    job.queue_time = FromNanoseconds(numbers.queue_time_ns);
    visit(unpacked);
  }
}

std::vector<Event> EventBlock::Unpack() const {
  std::vector<Event> events;
  events.reserve(size_);
  ForEach([&events](const Event& event) { events.push_back(event); });
  return events;
}

}  // namespace millrace
