#include "bench/feed_watcher.h"

#include <variant>
#include <vector>

#include "server/base/named_thread.h"

namespace millrace::bench {
namespace {

constexpr absl::Duration kLongestSilence = absl::Seconds(60);

int64_t CountCompleted(const std::vector<client::FeedEvent>& events) {
  int64_t completed = 0;
  for (const client::FeedEvent& event : events) completed += event.type == "job/completed" ? 1 : 0;
  return completed;
}

}  // namespace

FeedWatcher::FeedWatcher(const client::Connection& connection, Watching watching)
    : watching_(watching), subscription_(connection, clock_, {}, {.first_attempts = 3}) {}

FeedWatcher::~FeedWatcher() {
  subscription_.Cancel();
  if (reader_.joinable()) reader_.join();
}

absl::Status FeedWatcher::Start(int64_t jobs) {
  if (watching_ == Watching::kNobody) return absl::OkStatus();
  const absl::StatusOr<client::FeedMessage> first = subscription_.Next(kLongestSilence);
  if (!first.ok()) return first.status();
  if (watching_ == Watching::kReads) {
    reader_ = StartNamedThread("feed-watcher", [this, jobs] { Read(jobs); });
  }
  return absl::OkStatus();
}

absl::Status FeedWatcher::AwaitAll() {
  if (reader_.joinable()) reader_.join();
  return read_;
}

void FeedWatcher::Read(int64_t jobs) {
  int64_t completed = 0;
  while (completed + missed_ < jobs) {
    const absl::StatusOr<client::FeedMessage> message = subscription_.Next(kLongestSilence);
    if (!message.ok()) {
      read_ = message.status();
      return;
    }
    if (const auto* events = std::get_if<std::vector<client::FeedEvent>>(&message->content)) {
      completed += CountCompleted(*events);
    } else if (const auto* gap = std::get_if<client::FeedGap>(&message->content)) {
      missed_ += static_cast<int64_t>(gap->last_missing - gap->first_missing + 1);
    }
  }
}

}  // namespace millrace::bench
