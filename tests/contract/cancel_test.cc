#include <optional>
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

class CancelTest : public PoolStoreFixture {
 protected:
  std::vector<EndResult> Cancel(const std::vector<JobId>& ids,
                                const std::string& reason = "not wanted") {
    const auto results = jobs_.EndJobs(ids, JobEnding::kCancel, reason);
    EXPECT_TRUE(results.ok()) << results.status();
    return results.ok() ? *results : std::vector<EndResult>();
  }
  EndResult CancelOne(JobId id) { return Cancel({id}).at(0); }
  RecordResult RecordAll(const AttemptReport& report) {
    const auto result = store_.Record(worker_, {report});
    EXPECT_TRUE(result.ok()) << result.status();
    return *result;
  }
  std::vector<Hold> Cancelled(WorkerNumber worker) {
    const auto holds = store_.ListCancelled(worker);
    EXPECT_TRUE(holds.ok()) << holds.status();
    return *holds;
  }
  std::string Marks() { return schema_.Query("select count(*) from {schema}.cancel_mark"); }
};

TEST_F(CancelTest, AJobThatIsReadyEndsAtOnce) {
  const std::vector<JobId> ids = AddMany(3, {.task_identifier = "t"});
  EXPECT_EQ(CancelOne(ids[1]), EndResult::kEnded);
  EXPECT_EQ(StateOf(ids[1]), JobState::kCancelled);
  EXPECT_EQ(jobs_.GetJob(ids[1])->last_error, "not wanted");
  EXPECT_THAT(Ids(Claim(10)), ElementsAre(ids[0], ids[2]));
}

TEST_F(CancelTest, AJobThatWaitsForItsTimeOrItsRetryEndsAtOnce) {
  const JobId later = Add({.task_identifier = "t", .run_at = absl::FromUnixSeconds(4'000'000'000)});
  const JobId failed = Add({.task_identifier = "t"});
  AttemptReport report = ReportOf(Claim(1).at(0), AttemptOutcome::kFailed);
  report.delay = absl::Hours(1);
  Record(report);
  EXPECT_THAT(Cancel({later, failed}), ElementsAre(EndResult::kEnded, EndResult::kEnded));
  EXPECT_EQ(jobs_.GetJob(failed)->job.attempt, 1);
  const auto attempts = jobs_.ListAttempts(failed, 10);
  ASSERT_THAT(*attempts, SizeIs(2));
  EXPECT_EQ(attempts->at(0).outcome, AttemptOutcome::kCancelled);
  EXPECT_EQ(attempts->at(0).attempt, 0);
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.scheduled"), "0");
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.job_memory"), "0");
}

TEST_F(CancelTest, AnExhaustedJobEnds) {
  const JobId id = Add({.task_identifier = "t", .max_attempts = 1});
  Record(ReportOf(Claim(1).at(0), AttemptOutcome::kFailed, /*exhausted=*/true));
  EXPECT_EQ(CancelOne(id), EndResult::kEnded);
  EXPECT_EQ(StateOf(id), JobState::kCancelled);
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.exhausted"), "0");
}

TEST_F(CancelTest, AJobThatHasEndedIsLeftAndAnUnknownOneIsSaid) {
  const JobId id = Add({.task_identifier = "t"});
  Record(ReportOf(Claim(1).at(0), AttemptOutcome::kCompleted));
  EXPECT_THAT(Cancel({id, 77}), ElementsAre(EndResult::kEndedBefore, EndResult::kNotFound));
  EXPECT_EQ(StateOf(id), JobState::kCompleted);
}

TEST_F(CancelTest, TheHeadOfASerialQueueGivesItsPlaceToTheNext) {
  const JobId head = Add({.task_identifier = "t", .queue_name = "q"});
  const JobId next = Add({.task_identifier = "t", .queue_name = "q"});
  ASSERT_TRUE(store_.PromoteDue().ok());
  EXPECT_EQ(CancelOne(head), EndResult::kEnded);
  EXPECT_THAT(Ids(Claim(10)), ElementsAre(next));
}

TEST_F(CancelTest, AFollowerLeavesItsQueueAndTheHeadRunsOn) {
  Add({.task_identifier = "t", .queue_name = "q"});
  const JobId follower = Add({.task_identifier = "t", .queue_name = "q"});
  const ClaimedJob head = Claim(10).at(0);
  EXPECT_EQ(CancelOne(follower), EndResult::kEnded);
  EXPECT_EQ(Record(ReportOf(head, AttemptOutcome::kCompleted)), RecordVerdict::kAccepted);
  EXPECT_THAT(Claim(10), IsEmpty());
}

TEST_F(CancelTest, ItsKeyIsFree) {
  const JobId id = Add({.task_identifier = "t", .job_key = "k"});
  CancelOne(id);
  const auto added = jobs_.AddJobs(
      {{.task_identifier = "t", .job_key = "k", .job_key_mode = JobKeyMode::kUnsafeDedupe}});
  EXPECT_EQ(added->at(0).result, AddResult::kCreated);
}

TEST_F(CancelTest, WhatAPoolHoldsIsMarkedAndToldToItsPoolAlone) {
  const JobId id = Add({.task_identifier = "t"});
  const ClaimedJob claimed = Claim(1).at(0);
  EXPECT_EQ(CancelOne(id), EndResult::kRequested);
  EXPECT_EQ(StateOf(id), JobState::kHeld);
  EXPECT_EQ(jobs_.GetJob(id)->cancel_reason, "not wanted");
  EXPECT_THAT(Cancelled(worker_), ElementsAre(Hold{claimed.claim_id, id}));
  EXPECT_THAT(Cancelled(Register("other")), IsEmpty());
}

TEST_F(CancelTest, EveryOutcomeButSuccessEndsAMarkedJobAsCancelled) {
  for (const AttemptOutcome outcome : {AttemptOutcome::kFailed, AttemptOutcome::kPartialSuccess,
                                       AttemptOutcome::kSnoozed, AttemptOutcome::kInterrupted}) {
    for (const bool exhausted : {false, true}) {
      const JobId id = Add({.task_identifier = "t"});
      AttemptReport report = ReportOf(Claim(1).at(0), outcome, exhausted);
      report.error_message = "what the handler said";
      CancelOne(id);
      const RecordResult result = RecordAll(report);
      EXPECT_THAT(result.verdicts, ElementsAre(RecordVerdict::kCancelled));
      EXPECT_EQ(result.reasons.at(0), "not wanted");
      EXPECT_EQ(StateOf(id), JobState::kCancelled);
      const auto attempts = jobs_.ListAttempts(id, 10);
      ASSERT_THAT(*attempts, SizeIs(1));
      EXPECT_EQ(attempts->at(0).attempt, 1);
      EXPECT_EQ(attempts->at(0).error_detail, "what the handler said");
      EXPECT_EQ(Marks(), "0");
      EXPECT_EQ(schema_.Query("select count(*) from {schema}.exhausted"), "0");
    }
  }
}

TEST_F(CancelTest, AMarkedJobThatCompletesIsCompleted) {
  const JobId id = Add({.task_identifier = "t"});
  const ClaimedJob claimed = Claim(1).at(0);
  CancelOne(id);
  EXPECT_EQ(Record(ReportOf(claimed, AttemptOutcome::kCompleted)), RecordVerdict::kAccepted);
  EXPECT_EQ(StateOf(id), JobState::kCompleted);
  EXPECT_THAT(Cancelled(worker_), IsEmpty());
  // The mark goes with the next one.
  EXPECT_EQ(CancelOne(id), EndResult::kEndedBefore);
  EXPECT_EQ(Marks(), "0");
}

TEST_F(CancelTest, AMarkedJobThatIsGivenBackEndsWithoutAnAttempt) {
  const JobId id = Add({.task_identifier = "t"});
  const std::vector<ClaimedJob> claimed = Claim(1);
  CancelOne(id);
  EXPECT_THAT(GiveBack(claimed), ElementsAre(RecordVerdict::kCancelled));
  EXPECT_EQ(StateOf(id), JobState::kCancelled);
  EXPECT_EQ(jobs_.GetJob(id)->job.attempt, 0);
  EXPECT_THAT(Claim(1), IsEmpty());
}

TEST_F(CancelTest, AMarkOutlivesThePool) {
  const JobId id = Add({.task_identifier = "t"});
  Claim(1);
  CancelOne(id);
  const auto rescued = store_.Rescue(worker_);
  ASSERT_TRUE(rescued.ok()) << rescued.status();
  ASSERT_THAT(*rescued, SizeIs(1));
  EXPECT_EQ(rescued->at(0).state, JobState::kCancelled);
  EXPECT_EQ(rescued->at(0).reason, "not wanted");
  EXPECT_EQ(StateOf(id), JobState::kCancelled);
}

TEST_F(CancelTest, TheFirstReasonStays) {
  const JobId id = Add({.task_identifier = "t"});
  Claim(1);
  CancelOne(id);
  EXPECT_THAT(Cancel({id}, "second thoughts"), ElementsAre(EndResult::kRequested));
  EXPECT_EQ(jobs_.GetJob(id)->cancel_reason, "not wanted");
}

TEST_F(CancelTest, AJobThatWasSupersededKeepsThatReason) {
  const JobId id = Add({.task_identifier = "t", .job_key = "k"});
  const ClaimedJob claimed = Claim(1).at(0);
  Add({.task_identifier = "t", .job_key = "k"});
  CancelOne(id);
  const RecordResult result = RecordAll(ReportOf(claimed, AttemptOutcome::kFailed));
  EXPECT_EQ(result.reasons.at(0), "superseded");
  EXPECT_EQ(Marks(), "0");
}

}  // namespace
}  // namespace millrace
