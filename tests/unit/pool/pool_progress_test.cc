// What handlers say of their progress, through a whole pool (contract A12, E1).

#include <limits>

#include "tests/unit/pool/pool_fixture.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class PoolProgressTest : public PoolFixture {
 protected:
  // Registers the task "tells", which tells of ten percent and then waits for the test.
  void MakeTask() {
    tasks_.Add("tells", [this](TaskContext& context) {
      EXPECT_EQ(context.ReportProgress(10, "reading", {{"rows", 7}}), absl::OkStatus());
      gate_.Pass();
    });
  }
  std::vector<double> ToldPercents() const {
    std::vector<double> percents;
    for (const JobEventData& event : JobEvents(EventType::kJobProgress)) {
      percents.push_back(event.progress->percent);
    }
    return percents;
  }
};

TEST_F(PoolProgressTest, IsWrittenAndTold) {
  MakeTask();
  const JobId id = store_.AddTask("tells");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobProgress));
  const JobProgress expected{10, "reading", {{"rows", 7}}};
  EXPECT_EQ(store_.Look(id).progress, expected);
  const JobEventData event = JobEvents(EventType::kJobProgress)[0];
  EXPECT_EQ(event.job_id, id);
  EXPECT_EQ(event.task_identifier, "tells");
  EXPECT_EQ(event.attempt, 1);
  ASSERT_NE(event.progress, nullptr);
  EXPECT_EQ(*event.progress, expected);
}

TEST_F(PoolProgressTest, OfWhatIsSaidQuicklyTheLastIsWritten) {
  tasks_.Add("chatty", [this](TaskContext& context) {
    context.ReportProgress(1).IgnoreError();
    // The clock stands still, so that from here on a quarter of a second has not passed.
    if (!events_.WaitFor(EventType::kJobProgress)) return;
    for (int percent = 2; percent <= 90; ++percent) context.ReportProgress(percent).IgnoreError();
    arrived_.Open();
    gate_.Pass();
  });
  store_.AddTask("chatty");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  clock_.Advance(absl::Milliseconds(249));
  EXPECT_EQ(store_.CountCalls(Call::kWriteProgress), 1);
  clock_.Advance(absl::Milliseconds(1));
  ASSERT_TRUE(events_.WaitFor(EventType::kJobProgress, 2));
  EXPECT_THAT(ToldPercents(), ElementsAre(1, 90));
}

TEST_F(PoolProgressTest, WhatSeveralHandlersSayIsWrittenInOneCall) {
  config_.concurrency = 3;
  store_.Hang(Call::kWriteProgress);
  MakeTask();
  store_.AddTask("tells");
  StartPool();
  ASSERT_TRUE(store_.WaitForCalls(Call::kWriteProgress, 1));
  AddAndWake("tells");
  AddAndWake("tells");
  ASSERT_TRUE(gate_.WaitForArrivals(3));
  store_.Release(Call::kWriteProgress);
  ASSERT_TRUE(events_.WaitFor(EventType::kJobProgress));
  clock_.Advance(absl::Milliseconds(250));
  ASSERT_TRUE(events_.WaitFor(EventType::kJobProgress, 3));
  EXPECT_EQ(store_.CountCalls(Call::kWriteProgress), 2);
}

TEST_F(PoolProgressTest, OfALostClaimNothingIsTold) {
  tasks_.Add("tells", [this](TaskContext& context) {
    arrived_.Open();
    gate_.Pass();
    context.ReportProgress(10).IgnoreError();
    context.WaitFor(absl::InfiniteDuration());
  });
  const JobId id = store_.AddTask("tells");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  store_.SetMaxJobsOfClaims(0);
  ASSERT_TRUE(store_.GiveBack(1, {{store_.Claims().at(0).number, id}}).ok());
  gate_.Open();
  ASSERT_TRUE(store_.WaitForCalls(Call::kWriteProgress, 1));
  ASSERT_TRUE(pool_->Stop(absl::ZeroDuration()).ok());
  EXPECT_THAT(JobEvents(EventType::kJobProgress), IsEmpty());
  EXPECT_EQ(store_.Look(id).progress, std::nullopt);
}

TEST_F(PoolProgressTest, StandsNeverBehindTheOutcome) {
  store_.Hang(Call::kWriteProgress);
  tasks_.Add("tells", [this](TaskContext& context) {
    context.ReportProgress(99).IgnoreError();
    store_.WaitForCalls(Call::kWriteProgress, 1);
  });
  store_.AddTask("tells");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  store_.Release(Call::kWriteProgress);
  ASSERT_TRUE(pool_->Stop(absl::Minutes(1)).ok());
  EXPECT_THAT(JobEvents(EventType::kJobProgress), IsEmpty());
}

TEST_F(PoolProgressTest, ADatabaseThatIsAwayHoldsUpNoHandlerAndGetsTheLatestWhenItIsBack) {
  store_.Fail(Call::kWriteProgress, absl::UnavailableError("away"), 1);
  MakeTask();
  store_.AddTask("tells");
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  ASSERT_TRUE(events_.WaitFor(EventType::kWorkerError));
  ASSERT_TRUE(Eventually([&] {
    clock_.Advance(absl::Milliseconds(50));
    return !events_.OfType(EventType::kJobProgress).empty();
  }));
  EXPECT_THAT(ToldPercents(), ElementsAre(10));
}

TEST_F(PoolProgressTest, WhatTheDatabaseRefusesIsDropped) {
  store_.Fail(Call::kWriteProgress, absl::InternalError("no"), 1);
  MakeTask();
  store_.AddTask("tells");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kWorkerError));
  gate_.Open();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  ASSERT_TRUE(pool_->Stop(absl::Minutes(1)).ok());
  EXPECT_EQ(store_.CountCalls(Call::kWriteProgress), 1);
}

TEST_F(PoolProgressTest, ABadValueIsSaidToBeAndChangesNothing) {
  absl::Status percent, counter;
  tasks_.Add("wrong", [&](TaskContext& context) {
    percent = context.ReportProgress(std::numeric_limits<double>::quiet_NaN());
    counter = context.ReportProgress(1, "", {{"", 1}});
  });
  store_.AddTask("wrong");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_THAT(percent.ToString(), StartsWith("INVALID_ARGUMENT: percent: must be 0 to 100"));
  EXPECT_EQ(counter.ToString(), "INVALID_ARGUMENT: counters: must not be empty");
  EXPECT_EQ(store_.CountCalls(Call::kWriteProgress), 0);
}

TEST_F(PoolProgressTest, OfALongMessageAThousandBytesAreKept) {
  tasks_.Add("long", [this](TaskContext& context) {
    context.ReportProgress(1, std::string(5000, 'x') + "\xFF").IgnoreError();
    gate_.Pass();
  });
  store_.AddTask("long");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobProgress));
  EXPECT_EQ(JobEvents(EventType::kJobProgress)[0].progress->message, std::string(1024, 'x'));
}

TEST_F(PoolProgressTest, AJobThatHasToldOfItsProgressIsNotCompletedTheShortWay) {
  tasks_.Add("tells", [](TaskContext& context) { context.ReportProgress(1).IgnoreError(); });
  const JobId id = store_.AddTask("tells");
  StartPool();
  ASSERT_TRUE(store_.WaitForState(id, JobState::kCompleted));
  EXPECT_FALSE(store_.Look(id).history[0].plain);
}

}  // namespace
}  // namespace millrace
