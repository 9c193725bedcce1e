#include "server/rpc/convert/event_wire.h"

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/rpc/convert/event_proto.h"

namespace millrace {
namespace {

Event OfJob(JobId id) {
  Event event;
  event.sequence = static_cast<uint64_t>(id) + 7;
  event.type = EventType::kJobCompleted;
  event.emitted_at = absl::FromUnixSeconds(1'720'000'000);
  event.data = JobEventData{.job_id = id,
                            .task_identifier = "send_email",
                            .attempt = 1,
                            .max_attempts = 25,
                            .duration = absl::Nanoseconds(700 + id),
                            .queue_time = absl::Seconds(id % 3) + absl::Microseconds(3 * id)};
  return event;
}

JobEventData& DataOf(Event& event) { return std::get<JobEventData>(event.data); }

// Those bytes that the message itself has.
void ExpectAsMessages(const std::vector<Event>& events) {
  EventWire wire("me");
  for (size_t i = 0; i < events.size(); ++i) {
    v1::EventBatch batch;
    SetEvent(events[i], *batch.add_events());
    batch.mutable_events(0)->set_worker_id("me");
    std::string bytes;
    wire.Append(events[i], bytes);
    EXPECT_EQ(bytes, batch.SerializeAsString()) << "event " << i;
  }
}

TEST(EventWireTest, EventsThatDifferInNumbersAloneAreAsTheirMessages) {
  std::vector<Event> events;
  for (const JobId id : {1, 2, 3, 127, 128, 16'383, 16'384, 2'000'000'000}) {
    events.push_back(OfJob(id));
  }
  ExpectAsMessages(events);
}

TEST(EventWireTest, ExtremeNumbersAreAsTheirMessages) {
  std::vector<Event> events(10, OfJob(5));
  events[1].sequence = std::numeric_limits<uint64_t>::max();
  events[2].sequence = 0;
  DataOf(events[3]).job_id = std::numeric_limits<JobId>::max();
  DataOf(events[4]).job_id = -1;
  DataOf(events[5]).job_id = 0;
  DataOf(events[6]).duration = absl::InfiniteDuration();
  DataOf(events[7]).queue_time = -absl::Nanoseconds(1);
  DataOf(events[8]).duration = absl::Seconds(1'000'000'000);
  DataOf(events[8]).queue_time = absl::Seconds(999'999'999) + absl::Nanoseconds(999'999'999);
  DataOf(events[9]).duration = absl::ZeroDuration();
  ExpectAsMessages(events);
}

TEST(EventWireTest, WhateverChangesBetweenEventsIsAsTheirMessages) {
  std::vector<Event> events(16, OfJob(5));
  DataOf(events[1]).task_identifier = std::string(128, 't');
  DataOf(events[2]).attempt = 3;
  DataOf(events[3]).attempt = -1;
  DataOf(events[4]).max_attempts = 0;
  DataOf(events[5]).queue_name = "mail";
  DataOf(events[6]).flags = {"eu", "slow"};
  DataOf(events[7]).error = "no luck";
  DataOf(events[8]).next_run_at = absl::FromUnixSeconds(7);
  DataOf(events[9]).partial_success = std::make_shared<PartialSuccess>();
  events[10].type = EventType::kJobInterrupted;
  events[11].emitted_at = absl::FromUnixSeconds(1) + absl::Nanoseconds(1);
  events[12].data = PoolEventData{.concurrency = 3};
  events[13].data = WorkerErrorData{.operation = "claim"};
  DataOf(events[15]).flags = std::vector<std::string>(32, std::string(64, 'f'));
  ExpectAsMessages(events);
}

}  // namespace
}  // namespace millrace
