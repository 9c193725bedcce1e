#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/pool_store_fixture.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::Not;
using ::testing::SizeIs;

// What handlers say of their progress.
class ProgressTest : public PoolStoreFixture {
 protected:
  static ProgressReport ReportProgress(const ClaimedJob& job, JobProgress progress) {
    return {{job.claim_id, job.job.id}, std::move(progress)};
  }
  std::vector<bool> Write(const std::vector<ProgressReport>& reports) {
    auto written = store_.WriteProgress(reports);
    EXPECT_TRUE(written.ok()) << written.status();
    return written.ok() ? *written : std::vector<bool>();
  }
  bool Write(const ClaimedJob& job, double percent) {
    return Write({ReportProgress(job, {.percent = percent})}).at(0);
  }
  std::optional<JobProgress> Shown(JobId id) {
    const auto details = jobs_.GetJob(id);
    EXPECT_TRUE(details.ok()) << details.status();
    if (!details.ok() || !details->progress.has_value()) return std::nullopt;
    return details->progress->progress;
  }
  std::string Rows() { return schema_.Query("select count(*) from {schema}.progress"); }
  ClaimedJob AddAndClaim(JobSpec spec = {.task_identifier = "t"}) {
    Add(std::move(spec));
    const auto claimed = Claim(1);
    EXPECT_THAT(claimed, SizeIs(1));
    return claimed.empty() ? ClaimedJob() : claimed[0];
  }
  // As a pool reports the end of an attempt that has told of its progress.
  RecordVerdict Settle(const ClaimedJob& job, AttemptOutcome outcome) {
    AttemptReport report = ReportOf(job, outcome);
    report.plain = false;
    return Record(report);
  }
};

TEST_F(ProgressTest, IsShownAsItWasSaid) {
  const ClaimedJob job = AddAndClaim();
  EXPECT_EQ(Shown(job.job.id), std::nullopt);
  const JobProgress said{
      42.125,
      "reading \"a\\b\", line 7\nüß",
      {{"rows", std::numeric_limits<int64_t>::max()}, {"bad \"rows\"", -3}, {"none", 0}}};
  EXPECT_THAT(Write({ReportProgress(job, said)}), ElementsAre(true));
  EXPECT_EQ(Shown(job.job.id), said);
  const absl::Time reported_at = jobs_.GetJob(job.job.id)->progress->reported_at;
  EXPECT_LT(absl::AbsDuration(absl::Now() - reported_at), absl::Minutes(1));
}

TEST_F(ProgressTest, TheLastThatWasSaidIsShown) {
  const ClaimedJob job = AddAndClaim();
  EXPECT_TRUE(Write(job, 10));
  EXPECT_TRUE(Write(job, 5));
  EXPECT_EQ(Shown(job.job.id)->percent, 5);
  EXPECT_EQ(Rows(), "1");
}

TEST_F(ProgressTest, GoesWithTheAttemptHoweverItEnds) {
  for (const AttemptOutcome outcome :
       {AttemptOutcome::kCompleted, AttemptOutcome::kFailed, AttemptOutcome::kSnoozed,
        AttemptOutcome::kCancelled, AttemptOutcome::kInterrupted}) {
    const ClaimedJob job = AddAndClaim();
    EXPECT_TRUE(Write(job, 10));
    EXPECT_EQ(Settle(job, outcome), RecordVerdict::kAccepted);
    EXPECT_EQ(Shown(job.job.id), std::nullopt);
    EXPECT_EQ(Rows(), "0") << static_cast<int>(outcome);
    if (outcome == AttemptOutcome::kInterrupted) Settle(Claim(1).at(0), AttemptOutcome::kCancelled);
  }
}

TEST_F(ProgressTest, OfAnAttemptThatHasEndedIsRefused) {
  const ClaimedJob job = AddAndClaim({.task_identifier = "t", .max_attempts = 1});
  AddMany(2, {.task_identifier = "t"});
  EXPECT_EQ(Settle(job, AttemptOutcome::kCompleted), RecordVerdict::kAccepted);
  EXPECT_FALSE(Write(job, 10));
  EXPECT_EQ(Rows(), "0");
}

TEST_F(ProgressTest, OfAJobThatWasGivenBackIsRefusedWhileOthersOfItsClaimAreTaken) {
  AddMany(2, {.task_identifier = "t"});
  const auto claimed = Claim(2);
  ASSERT_THAT(claimed, SizeIs(2));
  ASSERT_EQ(claimed[0].claim_id, claimed[1].claim_id);
  GiveBack({claimed[0]});
  EXPECT_THAT(Write({ReportProgress(claimed[0], {.percent = 1}),
                     ReportProgress(claimed[1], {.percent = 2})}),
              ElementsAre(false, true));
  EXPECT_EQ(Shown(claimed[0].job.id), std::nullopt);
  EXPECT_EQ(Shown(claimed[1].job.id)->percent, 2);
}

TEST_F(ProgressTest, OfALostPoolGoesAndIsRefusedAndTheNextAttemptStartsAnew) {
  const ClaimedJob lost = AddAndClaim();
  EXPECT_TRUE(Write(lost, 90));
  ASSERT_TRUE(store_.Rescue(worker_).ok());
  EXPECT_EQ(Rows(), "0");
  const auto again = Claim(1, {}, {}, Register("other"));
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(Shown(lost.job.id), std::nullopt);
  EXPECT_THAT(
      Write({ReportProgress(lost, {.percent = 95}), ReportProgress(again[0], {.percent = 5})}),
      ElementsAre(false, true));
  EXPECT_EQ(Shown(lost.job.id)->percent, 5);
}

// As where a server that knows nothing of progress has completed the job the short way.
TEST_F(ProgressTest, WhatWasLeftBehindIsNotShownAndDoesNotHinderTheNextAttempt) {
  const ClaimedJob job = AddAndClaim();
  schema_.Query("insert into {schema}.progress values (" + std::to_string(job.job.id) +
                ", 1, 50, 'old', '{}', now())");
  EXPECT_EQ(Shown(job.job.id), std::nullopt);
  EXPECT_TRUE(Write(job, 1));
  EXPECT_EQ(Shown(job.job.id)->percent, 1);
}

TEST_F(ProgressTest, NothingToWriteIsFine) { EXPECT_THAT(Write({}), SizeIs(0)); }

}  // namespace
}  // namespace millrace
