#include "server/events/event_handlers.h"

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/named_thread.h"
#include "server/metrics/prometheus/prometheus_metrics_registry.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_clock.h"
#include "tests/support/gate.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What a handler was called with. Thread-safe.
class Calls {
 public:
  EventHandlers::Handler Recorder() {
    return [this](const Event& event) {
      MutexLock lock(mutex_);
      sequences_.push_back(event.sequence);
      changed_.NotifyAll();
    };
  }
  // Waits for that many.
  std::vector<uint64_t> Take(size_t count) {
    MutexLock lock(mutex_);
    SystemClock().WaitFor(mutex_, changed_, absl::Minutes(1), [this, count] {
      mutex_.AssertHeld();
      return sequences_.size() >= count;
    });
    return sequences_;
  }
  std::vector<uint64_t> Look() { return Take(0); }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<uint64_t> sequences_ ABSL_GUARDED_BY(mutex_);
};

class EventHandlersTest : public ::testing::Test {
 protected:
  EventHandlersTest() { EXPECT_EQ(handlers_.Start(), absl::OkStatus()); }

  void Emit(EventType type, int count = 1) {
    std::vector<Event> events(count);
    for (Event& event : events) {
      event.type = type;
      event.data = JobEventData{.job_id = 1, .task_identifier = "t"};
    }
    emitter_.Emit(std::move(events));
  }

  // Everything that was emitted until now has been handled.
  void Stop() {
    handlers_.RequestStop();
    handlers_.Join();
  }

  FakeClock clock_;
  PrometheusMetricsRegistry metrics_;
  EventEmitter emitter_{"me", clock_, metrics_, {.ring_events = 100}};
  Gate gate_;
  Calls calls_;
  Calls others_;
  EventHandlers handlers_{emitter_, clock_, metrics_};
};

TEST_F(EventHandlersTest, AHandlerGetsTheEventsOfItsTypeInOrder) {
  handlers_.On(EventType::kJobFailed, calls_.Recorder());
  Emit(EventType::kJobFailed);
  Emit(EventType::kJobCompleted, 2);
  Emit(EventType::kJobFailed, 2);
  Stop();
  EXPECT_THAT(calls_.Look(), ElementsAre(1, 4, 5));
}

TEST_F(EventHandlersTest, AHandlerOfAllGetsThemAllFromNowOn) {
  Emit(EventType::kJobFailed, 3);
  handlers_.OnAll(calls_.Recorder());
  Emit(EventType::kPoolStop);
  Emit(EventType::kJobCompleted);
  Stop();
  EXPECT_THAT(calls_.Look(), ElementsAre(4, 5));
}

TEST_F(EventHandlersTest, WhatAHandlerThrowsIsCountedAndReachesNobody) {
  handlers_.OnAll([](const Event&) { throw std::runtime_error("no luck"); });
  handlers_.OnAll([](const Event&) { throw 7; });
  handlers_.OnAll(calls_.Recorder());
  Emit(EventType::kJobCompleted);
  Emit(EventType::kJobCompleted);
  Stop();
  EXPECT_THAT(calls_.Look(), ElementsAre(1, 2));
  EXPECT_THAT(metrics_.Render(), HasSubstr("millrace_event_handler_errors_total 4\n"));
}

TEST_F(EventHandlersTest, ASlowHandlerHoldsUpNoEmitterAndMissesWhatTheBufferDrops) {
  handlers_.OnAll([this](const Event&) { gate_.Pass(); });
  handlers_.OnAll(calls_.Recorder());
  Emit(EventType::kJobCompleted);
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  for (int i = 0; i < 300; ++i) Emit(EventType::kJobCompleted);
  gate_.Open();
  Stop();
  const std::vector<uint64_t> sequences = calls_.Look();
  ASSERT_EQ(sequences.size(), 101u);
  EXPECT_EQ(sequences[0], 1u);
  EXPECT_EQ(sequences[1], 202u);
  EXPECT_EQ(sequences.back(), 301u);
  EXPECT_THAT(metrics_.Render(), HasSubstr("millrace_event_handler_missed_total 200\n"));
}

TEST_F(EventHandlersTest, OffWaitsForTheCallThatIsUnderWay) {
  std::atomic<bool> ended = false;
  const EventHandlers::Handle handle = handlers_.OnAll([&](const Event&) {
    gate_.Pass();
    ended = true;
  });
  Emit(EventType::kJobCompleted);
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  std::thread opening = StartNamedThread("opening", [this] { gate_.Open(); });
  handlers_.Off(handle);
  EXPECT_TRUE(ended);
  opening.join();
  Emit(EventType::kJobCompleted);
  Stop();
  EXPECT_EQ(gate_.arrived(), 1);
}

TEST_F(EventHandlersTest, AHandlerMayEndItselfAndOthers) {
  EventHandlers::Handle own = 0;
  EventHandlers::Handle other = 0;
  std::atomic<int> calls = 0;
  Gate known;
  own = handlers_.OnAll([&](const Event&) {
    known.Pass();
    ++calls;
    handlers_.Off(own);
    handlers_.Off(other);
    handlers_.Off(other);
  });
  other = handlers_.OnAll(calls_.Recorder());
  handlers_.OnAll(others_.Recorder());
  known.Open();
  Emit(EventType::kJobCompleted, 3);
  Stop();
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(calls_.Look().empty());
  EXPECT_THAT(others_.Look(), ElementsAre(1, 2, 3));
}

TEST_F(EventHandlersTest, AHandlerMayAddAnother) {
  std::atomic<bool> added = false;
  handlers_.OnAll([&](const Event&) {
    if (!added.exchange(true)) handlers_.OnAll(calls_.Recorder());
  });
  Emit(EventType::kJobCompleted);
  ASSERT_TRUE(Eventually([&] { return added.load(); }));
  Emit(EventType::kJobCompleted);
  EXPECT_THAT(calls_.Take(1), ElementsAre(2));
}

TEST_F(EventHandlersTest, HandlersMayComeAndGoByThousandsWhileEventsFlow) {
  std::atomic<bool> done = false;
  std::thread emitting = StartNamedThread("emitting", [&] {
    while (!done) Emit(EventType::kJobCompleted, 5);
  });
  for (int i = 0; i < 2000; ++i) {
    std::atomic<int> alive = 1;
    const EventHandlers::Handle handle =
        handlers_.OnAll([&alive](const Event&) { EXPECT_EQ(alive, 1); });
    if (i % 2 == 0) std::this_thread::yield();
    handlers_.Off(handle);
    alive = 0;
  }
  done = true;
  emitting.join();
  handlers_.OnAll(calls_.Recorder());
  Emit(EventType::kJobCompleted);
  EXPECT_THAT(calls_.Take(1), ElementsAre(emitter_.last_sequence()));
}

TEST_F(EventHandlersTest, NobodyIsCalledAfterTheStop) {
  handlers_.OnAll(calls_.Recorder());
  Stop();
  Emit(EventType::kJobCompleted);
  EXPECT_TRUE(calls_.Look().empty());
  EventHandlers unstarted(emitter_, clock_, metrics_);
  unstarted.RequestStop();
  EXPECT_EQ(unstarted.Start().code(), absl::StatusCode::kFailedPrecondition);
  unstarted.Join();
}

TEST_F(EventHandlersTest, WhoCannotWaitForeverIsToldWhichHandlerHasNotReturned) {
  handlers_.OnAll(calls_.Recorder());
  handlers_.On(EventType::kJobFailed, [this](const Event&) { gate_.Pass(); });
  handlers_.On(EventType::kJobFailed, others_.Recorder());
  Emit(EventType::kJobCompleted);
  Emit(EventType::kJobFailed);
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  handlers_.RequestStop();
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(
      handlers_.JoinInTime(),
      absl::DeadlineExceededError("event handler 2 has not returned from event 2 (job/failed)"));
  gate_.Open();
  handlers_.Join();
  // Too late.
  EXPECT_TRUE(others_.Look().empty());
}

TEST_F(EventHandlersTest, HandlersThatReturnAreWaitedFor) {
  handlers_.OnAll(calls_.Recorder());
  Emit(EventType::kJobCompleted, 50);
  handlers_.RequestStop();
  EXPECT_EQ(handlers_.JoinInTime(), absl::OkStatus());
  EXPECT_EQ(calls_.Look().size(), 50u);
  EXPECT_EQ(handlers_.JoinInTime(), absl::OkStatus());
  EventHandlers unstarted(emitter_, clock_, metrics_);
  unstarted.RequestStop();
  EXPECT_EQ(unstarted.JoinInTime(), absl::OkStatus());
}

TEST_F(EventHandlersTest, AStopGivesUpOnHandlersThatTakeTooLong) {
  handlers_.OnAll([this](const Event&) { gate_.Pass(); });
  handlers_.OnAll(calls_.Recorder());
  Emit(EventType::kJobCompleted, 50);
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  handlers_.RequestStop();
  clock_.Advance(absl::Seconds(5));
  gate_.Open();
  handlers_.Join();
  EXPECT_EQ(gate_.arrived(), 1);
}

}  // namespace
}  // namespace millrace
