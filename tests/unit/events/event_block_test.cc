#include "server/events/event_block.h"

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace millrace {
namespace {

constexpr absl::Time kNow = absl::FromUnixSeconds(1'720'000'000);

Event OfJob(JobId id, EventType type = EventType::kJobCompleted) {
  Event event;
  event.type = type;
  event.data = JobEventData{.job_id = id,
                            .task_identifier = "send_email",
                            .attempt = 1,
                            .max_attempts = 25,
                            .duration = absl::Nanoseconds(700 + id % 50),
                            .queue_time = absl::Milliseconds(900) + absl::Microseconds(3 * id)};
  return event;
}

std::vector<Event> Completed(int count) {
  std::vector<Event> events;
  for (int i = 0; i < count; ++i) events.push_back(OfJob(1'000'000 + i));
  return events;
}

JobEventData& DataOf(Event& event) { return std::get<JobEventData>(event.data); }

EventBlock Stamped(std::vector<Event> events) {
  EventBlock block(std::move(events));
  block.Stamp(100, kNow);
  return block;
}

void ExpectSame(const EventBlock& block, const std::vector<Event>& events) {
  const std::vector<Event> unpacked = block.Unpack();
  ASSERT_EQ(unpacked.size(), events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(unpacked[i].sequence, 100 + i);
    EXPECT_EQ(unpacked[i].emitted_at, kNow);
    EXPECT_EQ(unpacked[i].type, events[i].type) << i;
    ASSERT_EQ(unpacked[i].data.index(), events[i].data.index()) << i;
    if (const auto* job = std::get_if<JobEventData>(&events[i].data)) {
      EXPECT_EQ(std::get<JobEventData>(unpacked[i].data), *job) << i;
    }
  }
}

TEST(EventBlockTest, EventsComeBackAsTheyWereAndNumbered) {
  const std::vector<Event> events = Completed(300);
  const EventBlock block = Stamped(events);
  EXPECT_EQ(block.size(), 300u);
  EXPECT_EQ(block.first_sequence(), 100u);
  EXPECT_EQ(block.last_sequence(), 399u);
  ExpectSame(block, events);
}

TEST(EventBlockTest, ACompletedJobTakesTwelveBytesOrFewer) {
  EXPECT_LE(Stamped(Completed(500)).bytes(), 500 * 12u + 500);
}

TEST(EventBlockTest, OneEventTakesNoMoreThanItself) {
  EXPECT_LE(Stamped(Completed(1)).bytes(), sizeof(EventBlock) + sizeof(Event) + 100);
}

TEST(EventBlockTest, WhatAJobEventMayTellComesBackWhereverItStands) {
  std::vector<Event> events = Completed(12);
  DataOf(events[1]).error = "no luck";
  DataOf(events[1]).queue_name = "mail";
  events[2].type = EventType::kJobFailed;
  DataOf(events[3]).next_run_at = kNow + absl::Hours(1);
  DataOf(events[4]).partial_success =
      std::make_shared<PartialSuccess>(PartialSuccess{.completed_steps = {"a"}});
  DataOf(events[4]).flags = {"eu"};
  DataOf(events[5]).queue_name = "mail";
  DataOf(events[5]).flags = {"eu", "slow"};
  DataOf(events[6]).attempt = 7;
  DataOf(events[7]).task_identifier = "another";
  events[8].type = EventType::kPoolStart;
  events[8].data.emplace<PoolEventData>();
  events[9].type = EventType::kWorkerError;
  events[9].data.emplace<WorkerErrorData>(WorkerErrorData{"claim", "no database"});
  const EventBlock block = Stamped(events);
  ExpectSame(block, events);
  EXPECT_EQ(std::get<WorkerErrorData>(block.Unpack()[9].data).error, "no database");
}

TEST(EventBlockTest, AbsurdNumbersComeBack) {
  std::vector<Event> events = Completed(8);
  DataOf(events[0]).job_id = std::numeric_limits<JobId>::max();
  DataOf(events[1]).job_id = std::numeric_limits<JobId>::min();
  DataOf(events[2]).duration = absl::InfiniteDuration();
  DataOf(events[3]).queue_time = -absl::InfiniteDuration();
  DataOf(events[4]).duration = absl::Nanoseconds(std::numeric_limits<int64_t>::min());
  DataOf(events[5]).queue_time = -absl::Seconds(3);
  DataOf(events[6]).duration = absl::Nanoseconds(1) / 4;
  DataOf(events[7]).attempt = -1;
  ExpectSame(Stamped(events), events);
}

TEST(EventBlockTest, ManyKindsComeBackToo) {
  std::vector<Event> events = Completed(200);
  for (size_t i = 0; i < events.size(); ++i) {
    DataOf(events[i]).queue_name = "queue " + std::to_string(i % 40);
  }
  ExpectSame(Stamped(events), events);
}

}  // namespace
}  // namespace millrace
