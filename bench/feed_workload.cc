#include "bench/feed_workload.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "bench/emit_workload.h"
#include "bench/feed_host.h"
#include "bench/feed_reader.h"
#include "client/library/event_subscription.h"

namespace millrace::bench {
namespace {

// As the recorder of a busy pool emits them.
constexpr int kBlock = 512;

// Events a second to each of them.
absl::StatusOr<double> ReadByCounting(FeedHost& host, int subscribers, int64_t events) {
  std::vector<std::unique_ptr<FeedReader>> readers;
  for (int i = 0; i < subscribers; ++i) {
    readers.push_back(
        std::make_unique<FeedReader>(host.address(), host.emitter().incarnation(), events));
  }
  SystemClock clock;
  const absl::Duration began = clock.Monotonic();
  for (const auto& reader : readers) reader->Begin();
  absl::Status read;
  for (const auto& reader : readers) read.Update(reader->Wait());
  if (!read.ok()) return read;
  return static_cast<double>(events) / absl::ToDoubleSeconds(clock.Monotonic() - began);
}

absl::StatusOr<double> ReadByLibrary(FeedHost& host, int64_t events) {
  const auto connection = client::Connection::Create({.address = host.address()});
  if (!connection.ok()) return connection.status();
  SystemClock clock;
  client::EventSubscription subscription(**connection, clock,
                                         {.after = {.incarnation = host.emitter().incarnation()}},
                                         {.first_attempts = 3});
  const absl::Duration began = clock.Monotonic();
  int64_t count = 0;
  while (count < events) {
    const absl::StatusOr<client::FeedMessage> message = subscription.Next();
    if (!message.ok()) return message.status();
    const auto* got = std::get_if<std::vector<client::FeedEvent>>(&message->content);
    if (got != nullptr) count += static_cast<int64_t>(got->size());
  }
  return static_cast<double>(count) / absl::ToDoubleSeconds(clock.Monotonic() - began);
}

}  // namespace

absl::StatusOr<Figures> RunFeedWorkload(const FeedOptions& options) {
  const auto host = FeedHost::Start(options.socket_dir);
  if (!host.ok()) return host.status();
  for (int64_t emitted = 0; emitted < options.events; emitted += kBlock) {
    const auto count = static_cast<int>(std::min<int64_t>(kBlock, options.events - emitted));
    (*host)->emitter().Emit(CompletedJobs(emitted, count));
  }
  const auto one = ReadByCounting(**host, 1, options.events);
  const auto library = ReadByLibrary(**host, options.events);
  const auto many =
      ReadByCounting(**host, options.subscribers, std::max<int64_t>(1, options.events / 10));
  for (const absl::Status& read : {one.status(), library.status(), many.status()}) {
    if (!read.ok()) return read;
  }
  return Figures{"feed",
                 {{"events", static_cast<double>(options.events)},
                  {"subscribers", static_cast<double>(options.subscribers)},
                  {"one_per_second", *one},
                  {"library_per_second", *library},
                  {"each_of_many_per_second", *many}}};
}

}  // namespace millrace::bench
