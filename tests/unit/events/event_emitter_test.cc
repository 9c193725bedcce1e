#include "server/events/event_emitter.h"

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/named_thread.h"
#include "server/metrics/prometheus/prometheus_metrics_registry.h"
#include "tests/support/fake_clock.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Event JobEvent(EventType type, JobId id, std::string error = "") {
  Event event;
  event.type = type;
  JobEventData data;
  data.job_id = id;
  data.error = std::move(error);
  event.data = std::move(data);
  return event;
}

std::vector<Event> Block(int count) {
  return std::vector<Event>(count, JobEvent(EventType::kJobCompleted, 1));
}

std::vector<uint64_t> Sequences(const EventReading& reading) {
  std::vector<uint64_t> sequences;
  for (const auto& block : reading.blocks) {
    for (const Event& event : block->Unpack()) sequences.push_back(event.sequence);
  }
  return sequences;
}

class EventEmitterTest : public ::testing::Test {
 protected:
  FakeClock clock_;
  PrometheusMetricsRegistry metrics_;
};

TEST_F(EventEmitterTest, EventsAreNumberedFromOneAndStamped) {
  EventEmitter emitter("incarnation", clock_, metrics_, {});
  EXPECT_EQ(emitter.last_sequence(), 0u);
  emitter.Emit(Block(2));
  clock_.Advance(absl::Seconds(1));
  emitter.Emit(Block(1));
  const EventReading reading = emitter.Read(0, 100);
  EXPECT_THAT(Sequences(reading), ElementsAre(1, 2, 3));
  EXPECT_EQ(reading.blocks[1]->Unpack()[0].emitted_at, clock_.Now());
  EXPECT_EQ(reading.blocks[0]->Unpack()[0].emitted_at, clock_.Now() - absl::Seconds(1));
  EXPECT_EQ(emitter.incarnation(), "incarnation");
}

TEST_F(EventEmitterTest, EmptyEmissionIsNothing) {
  EventEmitter emitter("incarnation", clock_, metrics_, {});
  bool told = false;
  emitter.AddListener([&told] { told = true; });
  emitter.Emit({});
  EXPECT_FALSE(told);
  EXPECT_TRUE(emitter.Read(0, 10).blocks.empty());
}

TEST_F(EventEmitterTest, ReaderGoesOnWhereItStopped) {
  EventEmitter emitter("incarnation", clock_, metrics_, {});
  for (int i = 0; i < 3; ++i) emitter.Emit(Block(2));
  EXPECT_THAT(Sequences(emitter.Read(0, 3)), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(Sequences(emitter.Read(4, 3)), ElementsAre(5, 6));
  EXPECT_TRUE(emitter.Read(6, 3).blocks.empty());
  EXPECT_EQ(emitter.Read(6, 3).missing.has_value(), false);
}

TEST_F(EventEmitterTest, ReaderWithinABlockGetsTheWholeBlock) {
  EventEmitter emitter("incarnation", clock_, metrics_, {});
  emitter.Emit(Block(4));
  EXPECT_THAT(Sequences(emitter.Read(2, 10)), ElementsAre(1, 2, 3, 4));
}

TEST_F(EventEmitterTest, SequenceOfTheFutureReadsNothing) {
  EventEmitter emitter("incarnation", clock_, metrics_, {});
  emitter.Emit(Block(1));
  const EventReading reading = emitter.Read(1000, 10);
  EXPECT_TRUE(reading.blocks.empty());
  EXPECT_FALSE(reading.missing.has_value());
}

TEST_F(EventEmitterTest, RingHoldsSoManyEventsAndNamesWhatIsMissing) {
  EventEmitter emitter("incarnation", clock_, metrics_, {.ring_events = 5});
  for (int i = 0; i < 4; ++i) emitter.Emit(Block(2));
  const EventReading reading = emitter.Read(1, 100);
  ASSERT_TRUE(reading.missing.has_value());
  EXPECT_EQ(reading.missing->first, 2u);
  EXPECT_EQ(reading.missing->last, 4u);
  EXPECT_THAT(Sequences(reading), ElementsAre(5, 6, 7, 8));
}

TEST_F(EventEmitterTest, ReaderThatHasSeenAllThatIsGoneMissesNothing) {
  EventEmitter emitter("incarnation", clock_, metrics_, {.ring_events = 5});
  for (int i = 0; i < 4; ++i) emitter.Emit(Block(2));
  EXPECT_FALSE(emitter.Read(4, 100).missing.has_value());
}

TEST_F(EventEmitterTest, RingHoldsSoManyBytes) {
  EventEmitter emitter("incarnation", clock_, metrics_, {.ring_bytes = 100'000});
  for (int i = 0; i < 20; ++i) {
    emitter.Emit({JobEvent(EventType::kJobFailed, i, std::string(10'000, 'x'))});
  }
  const EventReading reading = emitter.Read(0, 100);
  ASSERT_TRUE(reading.missing.has_value());
  EXPECT_LE(reading.blocks.size(), 9u);
  EXPECT_GE(reading.blocks.size(), 5u);
}

TEST_F(EventEmitterTest, PartialResultsCountAsBytes) {
  EventEmitter emitter("incarnation", clock_, metrics_, {.ring_bytes = 100'000});
  auto partial = std::make_shared<PartialSuccess>();
  partial->completed_steps.assign(10, std::string(1000, 's'));
  for (int i = 0; i < 20; ++i) {
    Event event = JobEvent(EventType::kJobPartialSuccess, i);
    std::get<JobEventData>(event.data).partial_success = partial;
    emitter.Emit({event});
  }
  EXPECT_LE(emitter.Read(0, 100).blocks.size(), 9u);
}

TEST_F(EventEmitterTest, LatestBlockIsKeptHoweverLarge) {
  EventEmitter emitter("incarnation", clock_, metrics_, {.ring_events = 2});
  emitter.Emit(Block(1));
  emitter.Emit(Block(50));
  EXPECT_EQ(Sequences(emitter.Read(0, 100)).size(), 50u);
}

TEST_F(EventEmitterTest, ListenersAreToldUntilTheyAreRemoved) {
  EventEmitter emitter("incarnation", clock_, metrics_, {});
  int first = 0;
  int second = 0;
  const EventEmitter::ListenerId id = emitter.AddListener([&first] { ++first; });
  emitter.AddListener([&second] { ++second; });
  emitter.Emit(Block(3));
  emitter.RemoveListener(id);
  emitter.Emit(Block(1));
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 2);
}

TEST_F(EventEmitterTest, ListenerFindsTheEventsThatItIsToldOf) {
  EventEmitter emitter("incarnation", clock_, metrics_, {});
  uint64_t seen = 0;
  emitter.AddListener([&] { seen = emitter.last_sequence(); });
  emitter.Emit(Block(3));
  EXPECT_EQ(seen, 3u);
}

TEST_F(EventEmitterTest, EventsAreCountedByType) {
  EventEmitter emitter("incarnation", clock_, metrics_, {});
  emitter.Emit(Block(3));
  EXPECT_THAT(metrics_.Render(),
              HasSubstr("millrace_events_emitted_total{type=\"job/completed\"} 3\n"));
  EXPECT_THAT(metrics_.Render(),
              HasSubstr("millrace_events_emitted_total{type=\"job/failed\"} 0\n"));
}

TEST_F(EventEmitterTest, EventsOfManyThreadsGetConsecutiveNumbers) {
  EventEmitter emitter("incarnation", clock_, metrics_, {});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.push_back(StartNamedThread("emitter", [&emitter] {
      for (int k = 0; k < 250; ++k) emitter.Emit(Block(2));
    }));
  }
  uint64_t read = 0;
  while (read < 2000) {
    const EventReading reading = emitter.Read(read, 100);
    for (const auto& block : reading.blocks) {
      ASSERT_EQ(block->first_sequence(), read + 1);
      read = block->last_sequence();
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(emitter.last_sequence(), 2000u);
}

TEST_F(EventEmitterTest, ReadersMayComeAndGoByThousandsWhileEventsFlow) {
  EventEmitter emitter("incarnation", clock_, metrics_, {.ring_events = 100});
  std::atomic<bool> done = false;
  std::thread emitting = StartNamedThread("emitter", [&] {
    while (!done) emitter.Emit(Block(7));
  });
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.push_back(StartNamedThread("readers", [&emitter] {
      for (int k = 0; k < 2000; ++k) {
        std::atomic<int> told = 0;
        const EventEmitter::ListenerId id = emitter.AddListener([&told] { ++told; });
        const uint64_t after = emitter.last_sequence();
        const EventReading reading = emitter.Read(after > 50 ? after - 50 : 0, 20);
        for (const auto& block : reading.blocks) {
          EXPECT_EQ(block->Unpack().back().sequence, block->last_sequence());
        }
        emitter.RemoveListener(id);
      }
    }));
  }
  for (std::thread& reader : readers) reader.join();
  done = true;
  emitting.join();
  EXPECT_LE(Sequences(emitter.Read(0, 1000)).size(), 100u);
}

}  // namespace
}  // namespace millrace
