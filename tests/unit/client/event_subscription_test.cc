#include "client/library/event_subscription.h"

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/client/fake_server.h"

namespace millrace::client {
namespace {

using testing::ElementsAre;

// A feed that sends what the test has written, one script for each connection, and records what
// the subscriber asked for. After its messages a script ends with its status, or stays open.
class ScriptedFeed {
 public:
  struct Script {
    std::vector<v1::EventsResponse> messages;
    // Nothing: the stream stays open until the subscriber goes.
    std::optional<grpc::Status> end;
  };

  explicit ScriptedFeed(std::vector<Script> scripts) : scripts_(std::move(scripts)) {}

  grpc::Status Serve(const v1::EventsRequest& request, FakePool::EventWriter& writer,
                     grpc::ServerContext& context) {
    Script script;
    {
      MutexLock lock(mutex_);
      requests_.push_back(request);
      if (requests_.size() <= scripts_.size()) script = scripts_[requests_.size() - 1];
    }
    for (const v1::EventsResponse& message : script.messages) writer.Write(message);
    if (script.end.has_value()) return *script.end;
    Mutex mutex;
    CondVar never;
    MutexLock lock(mutex);
    while (!context.IsCancelled()) never.WaitWithTimeout(mutex, absl::Milliseconds(5));
    return grpc::Status::CANCELLED;
  }

  std::vector<v1::EventsRequest> requests() {
    MutexLock lock(mutex_);
    return requests_;
  }

 private:
  const std::vector<Script> scripts_;
  Mutex mutex_;
  std::vector<v1::EventsRequest> requests_;
};

const grpc::Status kLost(grpc::StatusCode::UNAVAILABLE, "going away");

class EventSubscriptionTest : public testing::Test {
 protected:
  void Serve(std::vector<ScriptedFeed::Script> scripts) {
    feed_ = std::make_unique<ScriptedFeed>(std::move(scripts));
    server_.pool.on_events = [this](const v1::EventsRequest& request, FakePool::EventWriter& writer,
                                    grpc::ServerContext& context) {
      return feed_->Serve(request, writer, context);
    };
    server_.Start();
  }

  EventSubscription& Subscribe(EventQuery query = {}, EventSubscription::Options options = {}) {
    connection_ = Connection::Create({.address = server_.address()}).value();
    // So that attempts follow each other at once.
    options.backoff = {.base = absl::Milliseconds(1), .maximum = absl::Milliseconds(2)};
    subscription_ = std::make_unique<EventSubscription>(*connection_, clock_, std::move(query),
                                                        std::move(options));
    return *subscription_;
  }

  SystemClock clock_;
  FakeServer server_;
  std::unique_ptr<ScriptedFeed> feed_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<EventSubscription> subscription_;
};

std::vector<uint64_t> Sequences(const FeedMessage& message) {
  std::vector<uint64_t> sequences;
  for (const FeedEvent& event : std::get<std::vector<FeedEvent>>(message.content)) {
    sequences.push_back(event.sequence);
  }
  return sequences;
}

TEST_F(EventSubscriptionTest, HandsOverBookmarksEventsAndGapsInOrder) {
  Serve({{{WireBookmark("a", 4), WireEvents("a", 5, 7), WireGap("a", 8, 9, "overflow")}, {}}});
  EventSubscription& subscription = Subscribe();
  const FeedMessage first = subscription.Next().value();
  EXPECT_EQ(first.incarnation, "a");
  EXPECT_EQ(std::get<FeedBookmark>(first.content).sequence, 4U);
  EXPECT_THAT(Sequences(subscription.Next().value()), ElementsAre(5, 6, 7));
  const FeedMessage third = subscription.Next().value();
  EXPECT_EQ(std::get<FeedGap>(third.content).last_missing, 9U);
  EXPECT_EQ(std::get<FeedGap>(third.content).reason, "overflow");
  EXPECT_EQ(subscription.position().sequence, 9U);
}

TEST_F(EventSubscriptionTest, DecodesWhatAnEventTells) {
  v1::EventsResponse response = WireEvents("a", 1, 1);
  v1::Event& event = *response.mutable_batch()->mutable_events(0);
  event.set_type("job/failed");
  event.mutable_job()->set_error("broken");
  event.mutable_job()->add_flags("eu");
  event.mutable_job()->mutable_next_run_at()->set_seconds(1'720'000'060);
  v1::Event& later = *response.mutable_batch()->add_events();
  later.set_sequence(2);
  later.set_type("moon/landed");
  Serve({{{response}, {}}});
  const FeedMessage message = Subscribe().Next().value();
  const auto& events = std::get<std::vector<FeedEvent>>(message.content);
  ASSERT_EQ(events.size(), 2U);
  const auto& job = std::get<JobEventData>(events[0].data);
  EXPECT_EQ(job.error, "broken");
  EXPECT_THAT(job.flags, ElementsAre("eu"));
  EXPECT_EQ(job.next_run_at, absl::FromUnixSeconds(1'720'000'060));
  EXPECT_EQ(events[1].type, "moon/landed");
  EXPECT_TRUE(std::holds_alternative<std::monostate>(events[1].data));
}

TEST_F(EventSubscriptionTest, SendsItsQuery) {
  Serve({{{WireBookmark("a", 7)}, {}}});
  Subscribe({.types = {"job/failed"},
             .task_identifiers = {"t"},
             .job_ids = {3},
             .queue_names = {"q"},
             .flags = {"f", "g"},
             .after = {.incarnation = "a", .sequence = 7}})
      .Next()
      .value();
  const v1::EventsRequest request = feed_->requests().at(0);
  EXPECT_THAT(request.types(), ElementsAre("job/failed"));
  EXPECT_THAT(request.task_identifiers(), ElementsAre("t"));
  EXPECT_THAT(request.job_ids(), ElementsAre(3));
  EXPECT_THAT(request.queue_names(), ElementsAre("q"));
  EXPECT_THAT(request.flags(), ElementsAre("f", "g"));
  EXPECT_EQ(request.incarnation(), "a");
  EXPECT_EQ(request.after_sequence(), 7U);
}

TEST_F(EventSubscriptionTest, GoesOnAfterTheLastMessageWhenTheStreamIsLost) {
  Serve({{{WireBookmark("a", 4), WireEvents("a", 5, 6)}, kLost},
         {{WireBookmark("a", 6), WireEvents("a", 7, 7)}, grpc::Status::OK},
         {{WireBookmark("a", 7)}, {}}});
  EventSubscription& subscription = Subscribe();
  std::vector<uint64_t> last;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(subscription.Next().ok());
    last.push_back(subscription.position().sequence);
  }
  EXPECT_THAT(last, ElementsAre(4, 6, 6, 7, 7));
  const std::vector<v1::EventsRequest> requests = feed_->requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].incarnation(), "");
  EXPECT_EQ(requests[1].incarnation(), "a");
  EXPECT_EQ(requests[1].after_sequence(), 6U);
  EXPECT_EQ(requests[2].after_sequence(), 7U);
}

TEST_F(EventSubscriptionTest, FollowsAServerThatGoesAwayAndComesBack) {
  Serve({{{WireBookmark("a", 41)}, {}},
         {{WireGap("b", 1, 0, "incarnation"), WireEvents("b", 1, 2)}, {}}});
  int losses = 0;
  EventSubscription& subscription =
      Subscribe({}, {.on_disconnect = [&losses](const absl::Status&) { ++losses; }});
  ASSERT_TRUE(subscription.Next().ok());
  server_.Stop();
  // Tries while there is none, and is connected as soon as there is one again.
  EXPECT_TRUE(absl::IsDeadlineExceeded(subscription.Next(absl::Milliseconds(20)).status()));
  server_.Start();
  const FeedMessage gap = subscription.Next().value();
  EXPECT_EQ(std::get<FeedGap>(gap.content).reason, "incarnation");
  EXPECT_THAT(Sequences(subscription.Next().value()), ElementsAre(1, 2));
  EXPECT_EQ(subscription.position().incarnation, "b");
  EXPECT_EQ(subscription.position().sequence, 2U);
  EXPECT_EQ(losses, 1);
  EXPECT_EQ(feed_->requests().at(1).incarnation(), "a");
  EXPECT_EQ(feed_->requests().at(1).after_sequence(), 41U);
}

TEST_F(EventSubscriptionTest, ReturnsARefusalAndDoesNotTryAgain) {
  Serve({{{}, grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "types[0]: no such type")}});
  EXPECT_EQ(Subscribe().Next().status(), absl::InvalidArgumentError("types[0]: no such type"));
  EXPECT_EQ(feed_->requests().size(), 1U);
}

const grpc::Status kExhausted(grpc::StatusCode::RESOURCE_EXHAUSTED, "too slow");

TEST_F(EventSubscriptionTest, TellsOfAnOverflowIfItWasAskedToAndGoesOnFromThere) {
  Serve({{{WireBookmark("a", 4), WireEvents("a", 5, 6), WireBookmark("a", 7)}, kExhausted},
         {{WireBookmark("a", 7), WireGap("a", 8, 9, "evicted")}, {}}});
  EventSubscription& subscription = Subscribe({.end_on_overflow = true});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(subscription.Next().ok());
  EXPECT_EQ(subscription.Next().status(), absl::ResourceExhaustedError("too slow"));
  EXPECT_EQ(subscription.position().sequence, 7U);
  ASSERT_TRUE(subscription.Next().ok());
  EXPECT_EQ(std::get<FeedGap>(subscription.Next()->content).first_missing, 8U);
  EXPECT_EQ(feed_->requests().at(0).overflow(), v1::EVENT_OVERFLOW_DISCONNECT);
  EXPECT_EQ(feed_->requests().at(1).after_sequence(), 7U);
}

TEST_F(EventSubscriptionTest, IsNotEndedByAServerThatHasTooManySubscribers) {
  Serve({{{}, kExhausted}, {{WireBookmark("a", 4)}, {}}});
  EXPECT_TRUE(Subscribe({.end_on_overflow = true}).Next().ok());
}

TEST_F(EventSubscriptionTest, GivesUpAfterTheFirstAttempts) {
  Serve({{{}, kLost}, {{}, kLost}});
  EXPECT_EQ(Subscribe({}, {.first_attempts = 2}).Next().status(),
            absl::UnavailableError("going away"));
  EXPECT_EQ(feed_->requests().size(), 2U);
}

TEST_F(EventSubscriptionTest, NextReturnsAtItsTimeout) {
  Serve({{{WireBookmark("a", 1)}, {}}});
  EventSubscription& subscription = Subscribe();
  ASSERT_TRUE(subscription.Next().ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(subscription.Next(absl::Milliseconds(5)).status()));
}

TEST_F(EventSubscriptionTest, CancelEndsANextThatWaits) {
  Serve({{{WireBookmark("a", 1)}, {}}});
  EventSubscription& subscription = Subscribe();
  ASSERT_TRUE(subscription.Next().ok());
  std::future<absl::Status> ended =
      std::async(std::launch::async, [&] { return subscription.Next().status(); });
  subscription.Cancel();
  EXPECT_TRUE(absl::IsCancelled(ended.get()));
  EXPECT_TRUE(absl::IsCancelled(subscription.Next().status()));
}

TEST_F(EventSubscriptionTest, RunHandsOverUntilCancel) {
  Serve({{{WireBookmark("a", 4), WireEvents("a", 5, 6)}, {}}});
  EventSubscription& subscription = Subscribe();
  std::vector<uint64_t> sequences;
  const absl::Status ended = subscription.Run([&](const FeedMessage& message) {
    if (std::holds_alternative<FeedBookmark>(message.content)) return;
    sequences = Sequences(message);
    subscription.Cancel();
  });
  EXPECT_TRUE(ended.ok()) << ended;
  EXPECT_THAT(sequences, ElementsAre(5, 6));
}

TEST_F(EventSubscriptionTest, AnUntakenMessageDoesNotHoldUpItsEnd) {
  Serve({{{WireBookmark("a", 1), WireEvents("a", 2, 2), WireEvents("a", 3, 3)}, {}}});
  ASSERT_TRUE(Subscribe().Next().ok());
  subscription_.reset();
}

TEST(EventSubscriptionClockTest, ASilentStreamIsLeftAndTriedAgain) {
  ScriptedFeed feed({{{WireBookmark("a", 1)}, {}}, {{WireBookmark("a", 1)}, {}}});
  FakeServer server;
  server.pool.on_events = [&feed](const v1::EventsRequest& request, FakePool::EventWriter& writer,
                                  grpc::ServerContext& context) {
    return feed.Serve(request, writer, context);
  };
  server.Start();
  FakeClock clock;
  const auto connection = Connection::Create({.address = server.address()}).value();
  std::string reason;
  EventSubscription subscription(*connection, clock, {},
                                 {.backoff = {.base = absl::ZeroDuration()},
                                  .silence_limit = absl::Seconds(35),
                                  .on_disconnect = [&reason](const absl::Status& why) {
                                    reason = std::string(why.message());
                                  }});
  ASSERT_TRUE(subscription.Next().ok());
  std::future<absl::StatusOr<FeedMessage>> next =
      std::async(std::launch::async, [&] { return subscription.Next(); });
  ASSERT_TRUE(Eventually([&clock] { return clock.waiters() > 0; }));
  clock.Advance(absl::Seconds(36));
  EXPECT_TRUE(next.get().ok());
  EXPECT_EQ(reason, "nothing was heard for 35 s");
  EXPECT_EQ(feed.requests().size(), 2U);
}

}  // namespace
}  // namespace millrace::client
