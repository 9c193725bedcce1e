#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/pool_store_fixture.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Jobs that a stopped pool leaves locked without having begun them.
class KeptTest : public PoolStoreFixture {
 protected:
  void Keep(const std::vector<ClaimedJob>& claimed) {
    std::vector<Hold> holds;
    for (const ClaimedJob& job : claimed) holds.push_back({job.claim_id, job.job.id});
    ASSERT_TRUE(store_.NoteKept(holds).ok());
  }
  void AgeClaims(const std::string& by) {
    schema_.Query("update {schema}.claim set claimed_at = claimed_at - interval '" + by + "'");
  }
  int Reset() {
    const auto freed = jobs_.ResetOverdueJobs(absl::Hours(4));
    EXPECT_TRUE(freed.ok()) << freed.status();
    return freed.value_or(-1);
  }
};

TEST_F(KeptTest, TheyAreFreedUncountedOnceTheLockTimeoutHasPassed) {
  const JobId id = Add({.task_identifier = "t"});
  Keep(Claim(1));
  AgeClaims("3 hours 59 minutes");
  EXPECT_EQ(Reset(), 0);
  EXPECT_EQ(StateOf(id), JobState::kHeld);
  AgeClaims("2 minutes");
  EXPECT_EQ(Reset(), 1);
  const auto again = Claim(1);
  ASSERT_THAT(Ids(again), ElementsAre(id));
  EXPECT_EQ(again[0].job.attempt, 1);
  EXPECT_THAT(*jobs_.ListAttempts(id, 10), IsEmpty());
}

TEST_F(KeptTest, WhatALivingPoolMayBeRunningIsLeft) {
  AddMany(2, {.task_identifier = "t"});
  const auto claimed = Claim(2);
  Keep({claimed[1]});
  AgeClaims("5 hours");
  EXPECT_EQ(Reset(), 1);
  EXPECT_EQ(StateOf(claimed[0].job.id), JobState::kHeld);
  EXPECT_EQ(StateOf(claimed[1].job.id), JobState::kReady);
  EXPECT_EQ(Record(ReportOf(claimed[0], AttemptOutcome::kCompleted)), RecordVerdict::kAccepted);
}

TEST_F(KeptTest, ClaimsOfSeveralPoolsAreFreedInOneCall) {
  AddMany(2, {.task_identifier = "t"});
  Keep(Claim(1));
  Keep(Claim(1, {}, {}, Register("other")));
  AgeClaims("5 hours");
  EXPECT_EQ(Reset(), 2);
  EXPECT_EQ(Reset(), 0);
}

TEST_F(KeptTest, ARescueDoesNotCountThemEither) {
  const JobId id = Add({.task_identifier = "t", .queue_name = "q"});
  Keep(Claim(1));
  const auto rescued = store_.Rescue(worker_);
  ASSERT_TRUE(rescued.ok()) << rescued.status();
  ASSERT_THAT(*rescued, SizeIs(1));
  EXPECT_EQ(StateOf(id), JobState::kReady);
  EXPECT_EQ(jobs_.GetJob(id)->job.attempt, 0);
  EXPECT_THAT(*jobs_.ListAttempts(id, 10), IsEmpty());
}

TEST_F(KeptTest, OneThatWasGivenBackSinceIsNotFreedTwice) {
  const JobId id = Add({.task_identifier = "t"});
  const auto claimed = Claim(1);
  Keep(claimed);
  GiveBack(claimed);
  Keep(claimed);
  ASSERT_THAT(Claim(1), SizeIs(1));
  AgeClaims("5 hours");
  EXPECT_EQ(Reset(), 0);
  EXPECT_EQ(StateOf(id), JobState::kHeld);
}

TEST_F(KeptTest, OneThatIsNotedAgainIsFreedOnceLikeAllOthers) {
  AddMany(2, {.task_identifier = "t"});
  const auto claimed = Claim(2);
  Keep({claimed[0]});
  // As a server does whose call was not answered.
  Keep(claimed);
  Keep(claimed);
  AgeClaims("5 hours");
  EXPECT_EQ(Reset(), 2);
  EXPECT_THAT(Claim(10), SizeIs(2));
}

TEST_F(KeptTest, WhatAnOperatorHasEndedEndsWhenItIsFreedAndIsNotCounted) {
  const JobId cancelled = Add({.task_identifier = "t"});
  const JobId failed = Add({.task_identifier = "t"});
  const JobId freed = Add({.task_identifier = "t"});
  Keep(Claim(3));
  ASSERT_TRUE(jobs_.EndJobs({cancelled}, JobEnding::kCancel, "not wanted").ok());
  ASSERT_TRUE(jobs_.EndJobs({failed}, JobEnding::kFail, "no use").ok());
  AgeClaims("5 hours");
  EXPECT_EQ(Reset(), 1);
  EXPECT_EQ(StateOf(cancelled), JobState::kCancelled);
  EXPECT_EQ(StateOf(failed), JobState::kExhausted);
  EXPECT_EQ(StateOf(freed), JobState::kReady);
}

}  // namespace
}  // namespace millrace
