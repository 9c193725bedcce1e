#include "server/rpc/event_cursor.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/metrics/null_metrics_registry.h"
#include "tests/support/fake_clock.h"

namespace millrace {
namespace {

using Begin = EventSubscription::Begin;
using Progress = EventCursor::Progress;
using testing::ElementsAre;

Event JobEventOf(JobId id, std::string error = "", EventType type = EventType::kJobCompleted) {
  Event event;
  event.type = type;
  event.data = JobEventData{.job_id = id, .task_identifier = "t", .error = std::move(error)};
  return event;
}

class EventCursorTest : public testing::Test {
 protected:
  EventCursorTest()
      : emitter_("me", clock_, metrics_, {.ring_events = 10, .ring_bytes = 1 << 30}),
        encoder_("me", 1 << 20) {}

  // Emits one block of events whose job ids are their sequences.
  void Emit(int count, const std::string& error = "") {
    std::vector<Event> events;
    for (int i = 0; i < count; ++i) {
      events.push_back(JobEventOf(emitter_.last_sequence() + i + 1, error));
    }
    emitter_.Emit(std::move(events));
  }

  EventCursor Cursor(EventSubscription subscription, EventCursor::Limits limits = {}) {
    return EventCursor(std::move(subscription), emitter_, encoder_, limits);
  }

  // The next message; fails the test if there is none.
  static v1::EventsResponse Next(EventCursor& cursor) {
    std::string message;
    const Progress progress = cursor.Next(message);
    EXPECT_TRUE(progress == Progress::kMessage || progress == Progress::kGap);
    v1::EventsResponse response;
    EXPECT_TRUE(response.ParseFromString(message));
    EXPECT_EQ(response.incarnation(), "me");
    return response;
  }

  static std::vector<uint64_t> Sequences(const v1::EventsResponse& response) {
    std::vector<uint64_t> sequences;
    for (const v1::Event& event : response.batch().events()) sequences.push_back(event.sequence());
    return sequences;
  }

  static bool IsIdle(EventCursor& cursor) {
    std::string message;
    return cursor.Next(message) == Progress::kIdle;
  }

  FakeClock clock_;
  NullMetricsRegistry metrics_;
  EventEmitter emitter_;
  EventEncoder encoder_;
};

TEST_F(EventCursorTest, TheFirstMessageIsABookmarkOfWhereItBegins) {
  Emit(3);
  EventCursor cursor = Cursor({.after_sequence = 3});
  EXPECT_EQ(Next(cursor).bookmark().sequence(), 3u);
  EXPECT_TRUE(IsIdle(cursor));
}

TEST_F(EventCursorTest, EventsOfSeveralBlocksComeInOneMessageInOrder) {
  EventCursor cursor = Cursor({});
  Next(cursor);
  Emit(2);
  Emit(1);
  Emit(2);
  const v1::EventsResponse response = Next(cursor);
  EXPECT_THAT(Sequences(response), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(response.batch().events(4).job().job_id(), 5);
  EXPECT_EQ(response.batch().events(4).worker_id(), "me");
  EXPECT_TRUE(IsIdle(cursor));
}

TEST_F(EventCursorTest, ABlockThatIsPartlySeenIsGoneOnWithInItsMiddle) {
  Emit(5);
  EventCursor cursor = Cursor({.begin = Begin::kAfterSequence, .after_sequence = 3});
  EXPECT_EQ(Next(cursor).bookmark().sequence(), 3u);
  EXPECT_THAT(Sequences(Next(cursor)), ElementsAre(4, 5));
}

TEST_F(EventCursorTest, AMessageHoldsNoMoreEventsThanItsLimit) {
  EventCursor cursor = Cursor({}, {.batch_events = 2});
  Next(cursor);
  Emit(5);
  EXPECT_THAT(Sequences(Next(cursor)), ElementsAre(1, 2));
  EXPECT_THAT(Sequences(Next(cursor)), ElementsAre(3, 4));
  EXPECT_THAT(Sequences(Next(cursor)), ElementsAre(5));
}

TEST_F(EventCursorTest, AMessageHoldsNoMoreBytesThanItsLimitButOneEvent) {
  EventCursor cursor = Cursor({}, {.batch_bytes = 1500});
  Next(cursor);
  Emit(2, std::string(600, 'x'));
  Emit(1, std::string(600, 'x'));
  Emit(1, std::string(5000, 'x'));
  EXPECT_THAT(Sequences(Next(cursor)), ElementsAre(1, 2));
  EXPECT_THAT(Sequences(Next(cursor)), ElementsAre(3));
  EXPECT_THAT(Sequences(Next(cursor)), ElementsAre(4));
}

TEST_F(EventCursorTest, OnlyEventsThatMatchAreSent) {
  EventCursor cursor = Cursor({.filter = {.job_ids = {2, 4}}});
  Next(cursor);
  Emit(5);
  EXPECT_THAT(Sequences(Next(cursor)), ElementsAre(2, 4));
  EXPECT_TRUE(IsIdle(cursor));
}

TEST_F(EventCursorTest, TheBookmarkGoesOnOverEventsThatDoNotMatch) {
  EventCursor cursor = Cursor({.filter = {.types = {EventType::kPoolStop}}});
  Next(cursor);
  Emit(5);
  EXPECT_TRUE(IsIdle(cursor));
  v1::EventsResponse response;
  ASSERT_TRUE(response.ParseFromString(cursor.Bookmark()));
  EXPECT_EQ(response.bookmark().sequence(), 5u);
}

TEST_F(EventCursorTest, AFilterThatMatchesNothingGivesWayToOthers) {
  EventCursor cursor =
      Cursor({.filter = {.job_ids = {1000}}}, {.batch_events = 2, .scan_events = 4});
  Next(cursor);
  for (int i = 0; i < 5; ++i) Emit(2);
  std::string message;
  EXPECT_EQ(cursor.Next(message), Progress::kMore);
  EXPECT_EQ(cursor.Next(message), Progress::kMore);
  EXPECT_EQ(cursor.Next(message), Progress::kIdle);
}

TEST_F(EventCursorTest, ResumingBeforeTheBufferIsAGapThatSaysEvicted) {
  for (int i = 0; i < 5; ++i) Emit(5);
  EventCursor cursor = Cursor({.begin = Begin::kAfterSequence, .after_sequence = 2});
  EXPECT_EQ(Next(cursor).bookmark().sequence(), 2u);
  const v1::EventsResponse gap = Next(cursor);
  EXPECT_EQ(gap.gap().reason(), "evicted");
  EXPECT_EQ(gap.gap().first_missing(), 3u);
  EXPECT_EQ(gap.gap().last_missing(), 15u);
  EXPECT_EQ(Sequences(Next(cursor)).front(), 16u);
}

TEST_F(EventCursorTest, FallingBehindWhileConnectedIsAGapThatSaysOverflow) {
  EventCursor cursor = Cursor({});
  Next(cursor);
  Emit(1);
  Next(cursor);
  for (int i = 0; i < 5; ++i) Emit(5);
  const v1::EventsResponse gap = Next(cursor);
  EXPECT_EQ(gap.gap().reason(), "overflow");
  EXPECT_EQ(gap.gap().first_missing(), 2u);
  EXPECT_EQ(gap.gap().last_missing(), 16u);
  EXPECT_EQ(Sequences(Next(cursor)).front(), 17u);
}

TEST_F(EventCursorTest, FallingBehindAfterResumingInTheBufferIsOverflowToo) {
  Emit(5);
  EventCursor cursor = Cursor({.begin = Begin::kAfterSequence, .after_sequence = 2});
  Next(cursor);
  Next(cursor);
  for (int i = 0; i < 5; ++i) Emit(5);
  EXPECT_EQ(Next(cursor).gap().reason(), "overflow");
}

TEST_F(EventCursorTest, FallingBehindEndsASubscriberThatWantsThatWithABookmark) {
  EventCursor cursor = Cursor({.end_on_overflow = true});
  Next(cursor);
  Emit(1);
  Next(cursor);
  for (int i = 0; i < 5; ++i) Emit(5);
  std::string message;
  EXPECT_EQ(cursor.Next(message), Progress::kOverflow);
  v1::EventsResponse response;
  ASSERT_TRUE(response.ParseFromString(message));
  EXPECT_EQ(response.bookmark().sequence(), 1u);
  EXPECT_EQ(cursor.sequence(), 1u);
}

TEST_F(EventCursorTest, ASubscriberThatComesBackTooLateIsToldEvenIfItWantsToBeDisconnected) {
  for (int i = 0; i < 5; ++i) Emit(5);
  EventCursor cursor =
      Cursor({.begin = Begin::kAfterSequence, .after_sequence = 2, .end_on_overflow = true});
  Next(cursor);
  EXPECT_EQ(Next(cursor).gap().reason(), "evicted");
  EXPECT_EQ(Sequences(Next(cursor)).front(), 16u);
}

// It is the first message: were there one before it, a stream that broke in between would be
// resumed behind the gap.
TEST_F(EventCursorTest, AnotherIncarnationIsAGapThenAllThatThisOneHolds) {
  Emit(3);
  EventCursor cursor = Cursor({.begin = Begin::kOtherIncarnation});
  const v1::EventsResponse gap = Next(cursor);
  EXPECT_EQ(gap.gap().reason(), "incarnation");
  EXPECT_EQ(gap.gap().first_missing(), 1u);
  EXPECT_EQ(gap.gap().last_missing(), 0u);
  EXPECT_THAT(Sequences(Next(cursor)), ElementsAre(1, 2, 3));
}

TEST_F(EventCursorTest, TheGapOfAnotherIncarnationNamesWhatThisOneHasLost) {
  for (int i = 0; i < 5; ++i) Emit(5);
  EventCursor cursor = Cursor({.begin = Begin::kOtherIncarnation});
  const v1::EventsResponse gap = Next(cursor);
  EXPECT_EQ(gap.gap().first_missing(), 1u);
  EXPECT_EQ(gap.gap().last_missing(), 15u);
  EXPECT_EQ(Sequences(Next(cursor)).front(), 16u);
}

EventBlock BlockOf(uint64_t sequence, const std::string& error) {
  EventBlock block({JobEventOf(1, error)});
  block.Stamp(sequence, absl::UnixEpoch());
  return block;
}

TEST(EventEncoderTest, ABlockIsEncodedAndUnpackedOnceWhileItIsInTheCache) {
  EventEncoder encoder("me", 1 << 20);
  const EventBlock block = BlockOf(1, "");
  EXPECT_EQ(encoder.Encode(block), encoder.Encode(block));
  EXPECT_EQ(encoder.Unpack(block), encoder.Unpack(block));
}

TEST(EventEncoderTest, TheCacheKnowsWhatUnpackedEventsTake) {
  std::vector<EventBlock> blocks;
  for (uint64_t i = 0; i < 2; ++i) {
    std::vector<Event> events(100);
    for (Event& event : events) {
      event.data = JobEventData{.job_id = 1,
                                .task_identifier = "t",
                                .flags = std::vector<std::string>(32, std::string(64, 'f'))};
    }
    // Packed, all of them have the same flags once.
    blocks.emplace_back(std::move(events)).Stamp(100 * i + 1, absl::UnixEpoch());
    ASSERT_LT(blocks.back().bytes(), 10'000u);
  }
  EventEncoder encoder("me", 300'000);
  const auto first = encoder.Unpack(blocks[0]);
  encoder.Unpack(blocks[1]);
  EXPECT_NE(encoder.Unpack(blocks[0]), first);
}

TEST(EventEncoderTest, TheCacheDropsTheBlocksThatWereUsedLongestAgo) {
  EventEncoder encoder("me", 2500);
  std::vector<EventBlock> blocks;
  for (size_t i = 0; i < 3; ++i) blocks.push_back(BlockOf(i + 1, std::string(1000, 'x')));
  const auto first = encoder.Encode(blocks[0]);
  const auto second = encoder.Encode(blocks[1]);
  encoder.Encode(blocks[0]);
  encoder.Encode(blocks[2]);
  EXPECT_EQ(encoder.Encode(blocks[0]), first);
  EXPECT_NE(encoder.Encode(blocks[1]), second);
}

}  // namespace
}  // namespace millrace
