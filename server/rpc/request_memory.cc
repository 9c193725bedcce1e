#include "server/rpc/request_memory.h"

#include <utility>

namespace millrace {

RequestMemory::RequestMemory(Clock& clock, Options options) : clock_(clock), options_(options) {}

absl::StatusOr<RequestMemory::Reply> RequestMemory::Do(
    const RequestKey& request, const std::function<absl::StatusOr<Reply>()>& change) {
  if (request.empty()) return change();
  absl::StatusOr<std::optional<Reply>> known = FindOrBegin(request);
  if (!known.ok()) return known.status();
  if (known->has_value()) return **std::move(known);
  absl::StatusOr<Reply> reply = absl::InternalError("unexpected exception");
  try {
    reply = change();
  } catch (...) {
    End(request, reply);
    throw;
  }
  End(request, reply);
  return reply;
}

absl::StatusOr<std::optional<RequestMemory::Reply>> RequestMemory::FindOrBegin(
    const RequestKey& request) {
  MutexLock lock(mutex_);
  ForgetLocked();
  while (true) {
    const auto [entry, is_new] = entries_.try_emplace(
        request.id, Entry{request.method, request.digest, std::nullopt, clock_.Monotonic()});
    if (is_new) return std::optional<Reply>();
    if (entry->second.method != request.method || entry->second.digest != request.digest) {
      return absl::InvalidArgumentError("request_id: another request has had it within 24 hours");
    }
    if (entry->second.reply.has_value()) return entry->second.reply;
    ended_.Wait(mutex_);
  }
}

void RequestMemory::End(const RequestKey& request, const absl::StatusOr<Reply>& reply) {
  MutexLock lock(mutex_);
  ended_.NotifyAll();
  if (!reply.ok()) {
    entries_.erase(request.id);
    return;
  }
  Entry& entry = entries_.at(request.id);
  entry.reply = *reply;
  entry.at = clock_.Monotonic();
  replied_.push_back(request.id);
  ForgetLocked();
}

void RequestMemory::ForgetLocked() {
  const absl::Duration now = clock_.Monotonic();
  while (!replied_.empty() && (replied_.size() > options_.max_replies ||
                               entries_.at(replied_.front()).at + options_.keep <= now)) {
    entries_.erase(replied_.front());
    replied_.pop_front();
  }
}

}  // namespace millrace
