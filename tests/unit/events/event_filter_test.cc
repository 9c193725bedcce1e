#include "server/events/event_filter.h"

#include <string>

#include "gtest/gtest.h"

namespace millrace {
namespace {

Event OfJob(EventType type, JobId id, const std::string& task) {
  Event event;
  event.type = type;
  JobEventData data;
  data.job_id = id;
  data.task_identifier = task;
  event.data = std::move(data);
  return event;
}

TEST(EventFilterTest, EmptyFilterMatchesAll) {
  EXPECT_TRUE(EventFilter().MatchesAll());
  EXPECT_TRUE(EventFilter().Matches(Event()));
  EXPECT_TRUE(EventFilter().Matches(OfJob(EventType::kJobFailed, 1, "a")));
}

TEST(EventFilterTest, TypesAreMatched) {
  const EventFilter filter{.types = {EventType::kJobFailed, EventType::kPoolStart}};
  EXPECT_TRUE(filter.Matches(OfJob(EventType::kJobFailed, 1, "a")));
  EXPECT_FALSE(filter.Matches(OfJob(EventType::kJobCompleted, 1, "a")));
  EXPECT_TRUE(filter.Matches(Event()));
}

TEST(EventFilterTest, EveryPartMustMatch) {
  const EventFilter filter{.task_identifiers = {"a"}, .job_ids = {1, 2}};
  EXPECT_TRUE(filter.Matches(OfJob(EventType::kJobFailed, 2, "a")));
  EXPECT_FALSE(filter.Matches(OfJob(EventType::kJobFailed, 2, "b")));
  EXPECT_FALSE(filter.Matches(OfJob(EventType::kJobFailed, 3, "a")));
}

TEST(EventFilterTest, QueuesAreMatchedAndAJobWithoutOneIsOfNone) {
  const EventFilter filter{.queue_names = {"mail", "print"}};
  EXPECT_FALSE(filter.MatchesAll());
  Event event = OfJob(EventType::kJobFailed, 1, "a");
  EXPECT_FALSE(filter.Matches(event));
  std::get<JobEventData>(event.data).queue_name = "print";
  EXPECT_TRUE(filter.Matches(event));
  std::get<JobEventData>(event.data).queue_name = "scan";
  EXPECT_FALSE(filter.Matches(event));
}

TEST(EventFilterTest, AnyOfTheFlagsIsEnough) {
  const EventFilter filter{.flags = {"eu", "slow"}};
  EXPECT_FALSE(filter.MatchesAll());
  Event event = OfJob(EventType::kJobFailed, 1, "a");
  EXPECT_FALSE(filter.Matches(event));
  std::get<JobEventData>(event.data).flags = {"big", "slow"};
  EXPECT_TRUE(filter.Matches(event));
  std::get<JobEventData>(event.data).flags = {"big"};
  EXPECT_FALSE(filter.Matches(event));
}

TEST(EventFilterTest, EventsOfNoJobDoNotMatchAJobOrTask) {
  EXPECT_FALSE(EventFilter{.task_identifiers = {"a"}}.Matches(Event()));
  EXPECT_FALSE(EventFilter{.job_ids = {1}}.Matches(Event()));
  EXPECT_FALSE(EventFilter{.queue_names = {"q"}}.Matches(Event()));
  EXPECT_FALSE(EventFilter{.flags = {"f"}}.Matches(Event()));
}

}  // namespace
}  // namespace millrace
