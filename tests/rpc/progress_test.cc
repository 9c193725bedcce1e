// How far a handler is, as callers and subscribers get it.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/rpc/convert/event_proto.h"
#include "server/rpc/convert/job_proto.h"

namespace millrace {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

const JobProgress kSaid{12.5, "reading \xFF", {{"rows", 7}, {"bad", -1}}};

TEST(ProgressTest, IsPartOfAJobThatHasAny) {
  JobDetails details;
  v1::Job without;
  SetJob(details, without);
  EXPECT_FALSE(without.has_progress());
  details.progress = {kSaid, absl::FromUnixSeconds(5)};
  v1::Job with;
  SetJob(details, with);
  EXPECT_EQ(with.progress().percent(), 12.5);
  EXPECT_EQ(with.progress().message(), "reading \xEF\xBF\xBD");
  EXPECT_THAT(with.progress().counters(), UnorderedElementsAre(Pair("rows", 7), Pair("bad", -1)));
  EXPECT_EQ(with.progress().reported_at().seconds(), 5);
}

TEST(ProgressTest, IsPartOfItsEventAndOfNoOther) {
  Event event;
  event.type = EventType::kJobProgress;
  JobEventData data;
  data.progress = std::make_shared<const JobProgress>(kSaid);
  event.data = data;
  v1::Event proto;
  SetEvent(event, proto);
  EXPECT_EQ(proto.type(), "job/progress");
  EXPECT_EQ(proto.job().progress().percent(), 12.5);
  EXPECT_THAT(proto.job().progress().counters(),
              UnorderedElementsAre(Pair("rows", 7), Pair("bad", -1)));
  EXPECT_FALSE(proto.job().progress().has_reported_at());
  // Into the same message, as the encoder does.
  event.type = EventType::kJobCompleted;
  event.data = JobEventData();
  SetEvent(event, proto);
  EXPECT_FALSE(proto.job().has_progress());
}

}  // namespace
}  // namespace millrace
