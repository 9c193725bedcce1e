#include "server/model/job_event.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace millrace {
namespace {

TEST(JobEventTest, EveryTypeHasANameOfItsOwnThatIsUnderstood) {
  std::set<std::string> names;
  for (const EventType type : AllEventTypes()) {
    const std::string name(EventTypeName(type));
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(ParseEventType(name), type) << name;
  }
  EXPECT_TRUE(names.contains("job/partial-success"));
  EXPECT_TRUE(names.contains("worker/stuck"));
}

TEST(JobEventTest, UnknownNameIsNoType) {
  EXPECT_EQ(ParseEventType("job/done"), std::nullopt);
  EXPECT_EQ(ParseEventType(""), std::nullopt);
  EXPECT_EQ(ParseEventType("JOB/FAILED"), std::nullopt);
}

}  // namespace
}  // namespace millrace
