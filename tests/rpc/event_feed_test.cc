#include "server/rpc/event_feed.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rpc/events_reader.h"
#include "tests/rpc/raw_call.h"
#include "tests/rpc/rpc_fixture.h"
#include "tests/support/eventually.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::StartsWith;

// A ring of 1000 events, so that it is soon full.
class EventFeedTest : public RpcFixture {
 protected:
  EventFeedTest() : RpcFixture({.ring_events = 1000, .ring_bytes = 1 << 30}) {}

  static Event EventOf(EventType type, const std::string& task, JobId id,
                       const std::string& error = "") {
    Event event;
    event.type = type;
    event.data = JobEventData{.job_id = id, .task_identifier = task, .error = error};
    return event;
  }

  // One block of completed jobs.
  void Emit(int count, const std::string& error = "") {
    std::vector<Event> events;
    for (int i = 0; i < count; ++i) {
      events.push_back(EventOf(EventType::kJobCompleted, "t", i + 1, error));
    }
    emitter_.Emit(std::move(events));
  }

  // A subscriber that has its first bookmark.
  EventsReader Subscribe(const v1::EventsRequest& request = {}) {
    EventsReader reader(pool_stub(), request);
    EXPECT_TRUE(reader.Next().has_bookmark());
    return reader;
  }

  std::string SubscribeFault(const v1::EventsRequest& request) {
    return EventsReader(pool_stub(), request).Finish();
  }
};

TEST_F(EventFeedTest, TheFirstMessageIsABookmarkWithTheCurrentSequence) {
  Emit(3);
  EventsReader reader(pool_stub(), {});
  const v1::EventsResponse first = reader.Next();
  EXPECT_EQ(first.bookmark().sequence(), 3u);
  EXPECT_EQ(first.incarnation(), "worker-1");
}

TEST_F(EventFeedTest, EventsComeInOrderAndNoneIsLost) {
  EventsReader reader = Subscribe();
  for (int i = 0; i < 100; ++i) Emit(i % 7 + 1);
  const std::vector<uint64_t> sequences = reader.NextSequences(emitter_.last_sequence());
  ASSERT_EQ(sequences.size(), emitter_.last_sequence());
  for (size_t i = 0; i < sequences.size(); ++i) EXPECT_EQ(sequences[i], i + 1);
}

TEST_F(EventFeedTest, AnEventCarriesItsData) {
  EventsReader reader = Subscribe();
  Event event = EventOf(EventType::kJobFailed, "resize", 7, "no such file");
  std::get<JobEventData>(event.data).duration = absl::Milliseconds(20);
  emitter_.Emit({event});
  const v1::EventsResponse response = reader.Next();
  ASSERT_EQ(response.batch().events_size(), 1);
  const v1::Event& got = response.batch().events(0);
  EXPECT_EQ(got.type(), "job/failed");
  EXPECT_EQ(got.worker_id(), "worker-1");
  EXPECT_EQ(got.emitted_at().seconds(), absl::ToUnixSeconds(clock_.Now()));
  EXPECT_EQ(got.job().job_id(), 7);
  EXPECT_EQ(got.job().task_identifier(), "resize");
  EXPECT_EQ(got.job().error(), "no such file");
  EXPECT_EQ(got.job().duration().nanos(), 20'000'000);
}

TEST_F(EventFeedTest, AFilterByTypeLetsOnlyThatTypeThrough) {
  v1::EventsRequest request;
  request.add_types("job/failed");
  EventsReader reader = Subscribe(request);
  emitter_.Emit({EventOf(EventType::kJobCompleted, "a", 1), EventOf(EventType::kJobFailed, "a", 2),
                 EventOf(EventType::kJobCompleted, "a", 3),
                 EventOf(EventType::kJobFailed, "a", 4)});
  EXPECT_THAT(reader.NextSequences(2), ElementsAre(2, 4));
}

TEST_F(EventFeedTest, AFilterByTaskLetsOnlyThatTaskThrough) {
  v1::EventsRequest request;
  request.add_task_identifiers("b");
  EventsReader reader = Subscribe(request);
  Event start;
  emitter_.Emit({start, EventOf(EventType::kJobCompleted, "a", 1),
                 EventOf(EventType::kJobCompleted, "b", 2)});
  EXPECT_THAT(reader.NextSequences(1), ElementsAre(3));
}

TEST_F(EventFeedTest, AFilterByJobLetsOnlyThatJobThrough) {
  v1::EventsRequest request;
  request.add_job_ids(2);
  EventsReader reader = Subscribe(request);
  emitter_.Emit(
      {EventOf(EventType::kJobCompleted, "a", 1), EventOf(EventType::kJobCompleted, "a", 2)});
  EXPECT_THAT(reader.NextSequences(1), ElementsAre(2));
}

TEST_F(EventFeedTest, FiltersByQueueAndByFlagsLetOnlyTheirJobsThrough) {
  v1::EventsRequest request;
  request.add_queue_names("mail");
  request.add_flags("eu");
  request.add_flags("slow");
  EventsReader reader = Subscribe(request);
  Event wanted = EventOf(EventType::kJobCompleted, "a", 3);
  std::get<JobEventData>(wanted.data).queue_name = "mail";
  Event without_flag = wanted;
  std::get<JobEventData>(wanted.data).flags = {"big", "slow"};
  Event without_queue = wanted;
  std::get<JobEventData>(without_queue.data).queue_name = "";
  emitter_.Emit({without_flag, without_queue, wanted});
  const v1::EventsResponse response = reader.Next();
  ASSERT_EQ(response.batch().events_size(), 1);
  EXPECT_EQ(response.batch().events(0).sequence(), 3u);
  EXPECT_THAT(response.batch().events(0).job().flags(), ElementsAre("big", "slow"));
}

TEST_F(EventFeedTest, ASubscriberThatComesBackMissesNothing) {
  Emit(5);
  v1::EventsRequest request;
  request.set_after_sequence(2);
  request.set_incarnation("worker-1");
  EventsReader reader(pool_stub(), request);
  EXPECT_EQ(reader.Next().bookmark().sequence(), 2u);
  EXPECT_THAT(reader.NextSequences(3), ElementsAre(3, 4, 5));
}

TEST_F(EventFeedTest, ASubscriberOfAnIncarnationFromItsBeginningGetsItAll) {
  Emit(2);
  v1::EventsRequest request;
  request.set_incarnation("worker-1");
  EventsReader reader = Subscribe(request);
  EXPECT_THAT(reader.NextSequences(2), ElementsAre(1, 2));
}

TEST_F(EventFeedTest, WhatIsEvictedIsAnnouncedAsAGap) {
  for (int i = 0; i < 3; ++i) Emit(500);
  v1::EventsRequest request;
  request.set_after_sequence(100);
  EventsReader reader = Subscribe(request);
  const v1::EventGap gap = reader.Next().gap();
  EXPECT_EQ(gap.reason(), "evicted");
  EXPECT_EQ(gap.first_missing(), 101u);
  EXPECT_EQ(gap.last_missing(), 500u);
  EXPECT_EQ(reader.NextSequences(1).front(), 501u);
}

TEST_F(EventFeedTest, ASequenceOfAnotherIncarnationIsAnsweredWithAGap) {
  Emit(2);
  v1::EventsRequest request;
  request.set_after_sequence(77);
  request.set_incarnation("worker-0");
  EventsReader reader(pool_stub(), request);
  EXPECT_EQ(reader.Next().gap().reason(), "incarnation");
  EXPECT_THAT(reader.NextSequences(2), ElementsAre(1, 2));
}

TEST_F(EventFeedTest, BadRequestsAreRefusedWithTheField) {
  v1::EventsRequest type;
  type.add_types("job/exploded");
  EXPECT_THAT(SubscribeFault(type), StartsWith("INVALID_ARGUMENT: types[0]: "));
  v1::EventsRequest task;
  task.add_task_identifiers(std::string(1 << 20, 't'));
  EXPECT_THAT(SubscribeFault(task), StartsWith("INVALID_ARGUMENT: task_identifiers[0]: "));
  v1::EventsRequest job;
  job.add_job_ids(-1);
  EXPECT_THAT(SubscribeFault(job), StartsWith("INVALID_ARGUMENT: job_ids[0]: "));
  v1::EventsRequest future;
  future.set_after_sequence(1);
  EXPECT_THAT(SubscribeFault(future), StartsWith("INVALID_ARGUMENT: after_sequence: "));
  v1::EventsRequest incarnation;
  incarnation.set_incarnation("\n");
  EXPECT_THAT(SubscribeFault(incarnation), StartsWith("INVALID_ARGUMENT: incarnation: "));
}

TEST_F(EventFeedTest, BytesThatAreNoRequestAreRefused) {
  EXPECT_EQ(ToText(CallRaw(Channel(), "/millrace.v1.WorkerPool/Events", "\xFF\xFF\xFF").status),
            "INVALID_ARGUMENT: the request is not a millrace.v1.EventsRequest");
}

TEST_F(EventFeedTest, AnIdleStreamCarriesABookmarkEveryTenSeconds) {
  EventsReader reader = Subscribe();
  clock_.Advance(absl::Seconds(10));
  EXPECT_TRUE(reader.Next().has_bookmark());
  clock_.Advance(absl::Seconds(10));
  EXPECT_TRUE(reader.Next().has_bookmark());
}

TEST_F(EventFeedTest, ABookmarkIsNotSentBeforeItsTime) {
  EventsReader reader = Subscribe();
  clock_.Advance(absl::Seconds(9));
  Emit(1);
  EXPECT_TRUE(reader.Next().has_batch());
  clock_.Advance(absl::Seconds(9));
  Emit(1);
  EXPECT_TRUE(reader.Next().has_batch());
}

TEST_F(EventFeedTest, TheBookmarkOfAFilterThatMatchesNothingGoesOn) {
  v1::EventsRequest request;
  request.add_types("pool/stop");
  EventsReader reader = Subscribe(request);
  Emit(5);
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(reader.Next().bookmark().sequence(), 5u);
}

TEST_F(EventFeedTest, ManySubscribersEachGetEveryEvent) {
  constexpr int kSubscribers = 50;
  std::vector<EventsReader> readers;
  for (int i = 0; i < kSubscribers; ++i) readers.push_back(Subscribe());
  for (int i = 0; i < 10; ++i) Emit(50);
  for (EventsReader& reader : readers) {
    const std::vector<uint64_t> sequences = reader.NextSequences(500);
    ASSERT_EQ(sequences.size(), 500u);
    for (size_t i = 0; i < sequences.size(); ++i) EXPECT_EQ(sequences[i], i + 1);
  }
}

TEST_F(EventFeedTest, ASlowReaderHoldsUpNeitherEmitNorOthersAndLearnsOfItsGap) {
  EventsReader slow = Subscribe();
  EventsReader quick = Subscribe();
  // Far more than connections buffer, while the slow one does not read.
  const std::string error(10'000, 'x');
  for (int i = 0; i < 35; ++i) {
    Emit(100, error);
    EXPECT_EQ(quick.NextSequences(100).size(), 100u);
  }
  uint64_t expected = 1;
  bool overflowed = false;
  while (expected <= emitter_.last_sequence()) {
    const v1::EventsResponse response = slow.Next();
    if (response.has_gap()) {
      overflowed = true;
      EXPECT_EQ(response.gap().reason(), "overflow");
      EXPECT_EQ(response.gap().first_missing(), expected);
      expected = response.gap().last_missing() + 1;
      continue;
    }
    ASSERT_TRUE(response.has_batch());
    for (const v1::Event& event : response.batch().events()) {
      ASSERT_EQ(event.sequence(), expected++);
    }
  }
  EXPECT_TRUE(overflowed);
}

TEST_F(EventFeedTest, ASlowReaderThatWantsItIsDisconnectedWithItsLastSequence) {
  v1::EventsRequest request;
  request.set_overflow(v1::EVENT_OVERFLOW_DISCONNECT);
  EventsReader slow = Subscribe(request);
  const std::string error(10'000, 'x');
  Emit(100, error);
  uint64_t last = slow.NextSequences(100).back();
  for (int i = 0; i < 35; ++i) Emit(100, error);
  v1::EventsResponse response = slow.Next();
  for (; response.has_batch(); response = slow.Next()) {
    for (const v1::Event& event : response.batch().events()) ASSERT_EQ(event.sequence(), ++last);
  }
  EXPECT_EQ(response.bookmark().sequence(), last);
  EXPECT_LT(last, emitter_.last_sequence());
  EXPECT_EQ(slow.Finish(),
            "RESOURCE_EXHAUSTED: the subscriber was too slow, and what follows its "
            "last sequence, " +
                std::to_string(last) + ", is not all there any more");
  EXPECT_EQ(metrics_.Value("millrace_event_disconnects_total"), 1);

  request.set_after_sequence(last);
  EventsReader back = Subscribe(request);
  const v1::EventGap gap = back.Next().gap();
  EXPECT_EQ(gap.reason(), "evicted");
  EXPECT_EQ(gap.first_missing(), last + 1);
  EXPECT_EQ(back.NextSequences(1).front(), gap.last_missing() + 1);
}

TEST_F(EventFeedTest, AStreamThatIsCancelledLeavesTheOthersAlone) {
  EventsReader leaving = Subscribe();
  EventsReader staying = Subscribe();
  leaving.Cancel();
  EXPECT_THAT(leaving.Finish(), StartsWith("CANCELLED"));
  Emit(1);
  EXPECT_THAT(staying.NextSequences(1), ElementsAre(1));
}

TEST_F(EventFeedTest, ASubscriberThatNeverReadsHoldsNoMoreThanTheBufferAndTheConnection) {
  EventsReader never = Subscribe();
  // 200 MB of events.
  const std::string error(2000, 'x');
  for (int i = 0; i < 1000; ++i) Emit(100, error);
  size_t buffered = 0;
  for (const auto& block : emitter_.Read(0, 1 << 30).blocks) buffered += block->bytes();
  EXPECT_LE(buffered, 1000 * (error.size() + 500));
  // What was kept for it is what it still gets: no more than the buffer, a message and what the
  // connection holds. The rest is a gap.
  uint64_t last = 0;
  size_t kept = 0;
  uint64_t missing = 0;
  while (last < emitter_.last_sequence()) {
    const v1::EventsResponse response = never.Next();
    if (response.has_gap()) {
      EXPECT_EQ(response.gap().first_missing(), last + 1);
      missing += response.gap().last_missing() - last;
      last = response.gap().last_missing();
      continue;
    }
    ASSERT_TRUE(response.has_batch());
    EXPECT_EQ(response.batch().events(0).sequence(), last + 1);
    last = response.batch().events().rbegin()->sequence();
    kept += response.ByteSizeLong();
  }
  EXPECT_GT(missing, 80'000u);
  EXPECT_LT(kept, size_t{32} * 1024 * 1024);
}

TEST_F(EventFeedTest, ThousandsOfSubscribersMayComeAndGoWhileEventsFlow) {
  StartServer();
  std::atomic<bool> done = false;
  std::thread emitting([&] {
    while (!done) Emit(10);
  });
  v1::EventsRequest failures;
  failures.add_types("job/failed");
  failures.set_overflow(v1::EVENT_OVERFLOW_DISCONNECT);
  for (int i = 0; i < 3000; ++i) {
    EventsReader reader(pool_stub(), i % 5 == 0 ? failures : v1::EventsRequest());
    if (i % 3 != 0) reader.Next();
    if (i % 3 == 2 && i % 5 != 0) reader.Next();
    reader.Cancel();
  }
  done = true;
  emitting.join();
  EventsReader last = Subscribe();
  Emit(1);
  EXPECT_EQ(last.NextSequences(1).front(), emitter_.last_sequence());
}

TEST_F(EventFeedTest, ASubscriberTooManyIsRefused) {
  RpcServerOptions options;
  options.max_event_streams = 2;
  StartServer(options);
  EventsReader first = Subscribe();
  EventsReader second = Subscribe();
  EXPECT_EQ(SubscribeFault({}), "RESOURCE_EXHAUSTED: the event feed has 2 subscribers already");
}

TEST_F(EventFeedTest, OpenStreamsEndWhenTheServerShutsDown) {
  EventsReader idle = Subscribe();
  EventsReader busy = Subscribe();
  Emit(1000);
  server_->Shutdown(absl::Minutes(1));
  EXPECT_EQ(idle.Finish(), "UNAVAILABLE: server is shutting down");
  EXPECT_EQ(busy.Finish(), "UNAVAILABLE: server is shutting down");
}

TEST_F(EventFeedTest, AStreamEndsBehindWhatWasEmittedBeforeTheShutdown) {
  EventsReader reader = Subscribe();
  // Far more than connections buffer, so that most of it has not been sent when the stop begins.
  Emit(1000, std::string(10'000, 'x'));
  std::thread shutting_down([&] { server_->Shutdown(absl::Minutes(1)); });
  EXPECT_TRUE(Eventually([&] { return SubscribeFault({}).starts_with("UNAVAILABLE"); }));
  EXPECT_EQ(reader.NextSequences(1000).size(), 1000u);
  EXPECT_EQ(reader.Finish(), "UNAVAILABLE: server is shutting down");
  shutting_down.join();
}

TEST_F(EventFeedTest, AStreamWhoseFilterMatchesNothingMoreEndsAtTheShutdown) {
  v1::EventsRequest request;
  request.add_types("pool/stop");
  EventsReader reader = Subscribe(request);
  Emit(1000);
  server_->Shutdown(absl::Minutes(1));
  EXPECT_EQ(reader.Finish(), "UNAVAILABLE: server is shutting down");
}

TEST_F(EventFeedTest, WhatIsEmittedAfterTheShutdownBeganHoldsNothingUp) {
  EventsReader reader = Subscribe();
  std::atomic<bool> done = false;
  std::thread emitting([&] {
    while (!done) Emit(10);
  });
  std::string end;
  std::thread reading([&] { end = reader.Finish(); });
  server_->Shutdown(absl::Minutes(1));
  reading.join();
  done = true;
  emitting.join();
  EXPECT_EQ(end, "UNAVAILABLE: server is shutting down");
}

TEST_F(EventFeedTest, AReaderThatDoesNotReadHoldsTheShutdownNoLongerThanItsGrace) {
  EventsReader slow = Subscribe();
  for (int i = 0; i < 10; ++i) Emit(1000, std::string(10'000, 'x'));
  const SystemClock real;
  const absl::Duration began = real.Monotonic();
  server_->Shutdown(absl::Milliseconds(100));
  EXPECT_LT(real.Monotonic() - began, absl::Seconds(30));
}

TEST_F(EventFeedTest, AReaderThatDoesNotReadKeepsNoServerFromShuttingDown) {
  EventsReader slow = Subscribe();
  for (int i = 0; i < 10; ++i) Emit(1000, std::string(10'000, 'x'));
  server_->Shutdown(absl::ZeroDuration());
}

TEST_F(EventFeedTest, SubscribersAndGapsAreMetrics) {
  for (int i = 0; i < 3; ++i) Emit(500);
  v1::EventsRequest request;
  request.set_after_sequence(100);
  EventsReader reader = Subscribe(request);
  EXPECT_TRUE(reader.Next().has_gap());
  EXPECT_EQ(metrics_.Value("millrace_event_subscribers"), 1);
  EXPECT_EQ(metrics_.Value("millrace_event_gaps_total"), 1);
  reader.Cancel();
  reader.Finish();
  EXPECT_TRUE(Eventually([&] { return metrics_.Value("millrace_event_subscribers") == 0; }));
}

TEST_F(EventFeedTest, AFeedThatDoesNotRunTakesNoSubscribers) {
  EventFeed feed(emitter_, clock_, metrics_, {});
  EXPECT_EQ(feed.Subscribe({}).status().code(), absl::StatusCode::kUnavailable);
  feed.RequestStop();
  EXPECT_EQ(feed.Start().code(), absl::StatusCode::kFailedPrecondition);
  feed.Join();
}

}  // namespace
}  // namespace millrace
