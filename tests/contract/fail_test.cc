// Jobs that an operator fails for good (contract C7, PermanentlyFailJobs).

#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/pool_store_fixture.h"

namespace millrace {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FailTest : public PoolStoreFixture {
 protected:
  std::vector<EndResult> End(JobEnding ending, const std::vector<JobId>& ids,
                             const std::string& reason) {
    const auto results = jobs_.EndJobs(ids, ending, reason);
    EXPECT_TRUE(results.ok()) << results.status();
    return results.ok() ? *results : std::vector<EndResult>();
  }
  std::vector<EndResult> Fail(const std::vector<JobId>& ids, const std::string& reason = "no use") {
    return End(JobEnding::kFail, ids, reason);
  }
  EndResult FailOne(JobId id) { return Fail({id}).at(0); }
  EndResult CancelOne(JobId id) { return End(JobEnding::kCancel, {id}, "not wanted").at(0); }
  RecordResult RecordAll(const AttemptReport& report) {
    const auto result = store_.Record(worker_, {report});
    EXPECT_TRUE(result.ok()) << result.status();
    return *result;
  }
  std::string Marks() { return schema_.Query("select count(*) from {schema}.cancel_mark"); }
};

TEST_F(FailTest, AJobThatIsReadyIsExhaustedAtOnce) {
  const std::vector<JobId> ids = AddMany(3, {.task_identifier = "t"});
  EXPECT_EQ(FailOne(ids[1]), EndResult::kEnded);
  const auto job = jobs_.GetJob(ids[1]);
  EXPECT_EQ(job->state, JobState::kExhausted);
  EXPECT_EQ(job->last_error, "no use");
  EXPECT_EQ(job->job.attempt, 0);
  EXPECT_TRUE(job->finished_at.has_value());
  const auto attempts = jobs_.ListAttempts(ids[1], 10);
  ASSERT_THAT(*attempts, SizeIs(1));
  EXPECT_EQ(attempts->at(0).outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(attempts->at(0).attempt, 0);
  EXPECT_EQ(attempts->at(0).finished_at, job->finished_at);
  EXPECT_THAT(Ids(Claim(10)), ElementsAre(ids[0], ids[2]));
  EXPECT_THAT(jobs_.ListJobs({.states = {JobState::kExhausted}}, std::nullopt, 10)->jobs,
              SizeIs(1));
}

TEST_F(FailTest, AJobThatWaitsForItsTimeOrItsRetryIsExhaustedAndKeepsItsHistory) {
  const JobId later = Add({.task_identifier = "t", .run_at = absl::FromUnixSeconds(4'000'000'000)});
  const JobId failed = Add({.task_identifier = "t"});
  AttemptReport report = ReportOf(Claim(1).at(0), AttemptOutcome::kFailed);
  report.delay = absl::Hours(1);
  Record(report);
  EXPECT_THAT(Fail({later, failed}), Each(EndResult::kEnded));
  EXPECT_EQ(StateOf(later), JobState::kExhausted);
  EXPECT_EQ(StateOf(failed), JobState::kExhausted);
  EXPECT_EQ(jobs_.GetJob(failed)->job.attempt, 1);
  EXPECT_THAT(*jobs_.ListAttempts(failed, 10), SizeIs(2));
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.scheduled"), "0");
}

TEST_F(FailTest, AJobThatHasEndedOrIsExhaustedIsLeftAndAnUnknownOneIsSaid) {
  const JobId completed = Add({.task_identifier = "t"});
  Record(ReportOf(Claim(1).at(0), AttemptOutcome::kCompleted));
  const JobId exhausted = Add({.task_identifier = "t", .max_attempts = 1});
  Record(ReportOf(Claim(1).at(0), AttemptOutcome::kFailed, /*exhausted=*/true));
  const JobId cancelled = Add({.task_identifier = "t"});
  CancelOne(cancelled);
  EXPECT_THAT(Fail({completed, exhausted, cancelled, 77}),
              ElementsAre(EndResult::kEndedBefore, EndResult::kEndedBefore, EndResult::kEndedBefore,
                          EndResult::kNotFound));
  EXPECT_EQ(StateOf(completed), JobState::kCompleted);
  EXPECT_EQ(StateOf(exhausted), JobState::kExhausted);
  EXPECT_THAT(*jobs_.ListAttempts(exhausted, 10), SizeIs(1));
  EXPECT_EQ(StateOf(cancelled), JobState::kCancelled);
}

TEST_F(FailTest, NoJobsAreNone) { EXPECT_THAT(Fail({}), IsEmpty()); }

TEST_F(FailTest, ItIsLeftWhenItIsFailedTwiceAndCanBeCancelled) {
  const JobId id = Add({.task_identifier = "t"});
  FailOne(id);
  EXPECT_EQ(FailOne(id), EndResult::kEndedBefore);
  EXPECT_EQ(CancelOne(id), EndResult::kEnded);
  EXPECT_EQ(StateOf(id), JobState::kCancelled);
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.exhausted"), "0");
}

TEST_F(FailTest, TheHeadOfASerialQueueGivesItsPlaceToTheNextAndItsKeyIsFree) {
  const JobId head = Add({.task_identifier = "t", .queue_name = "q", .job_key = "k"});
  const JobId next = Add({.task_identifier = "t", .queue_name = "q"});
  ASSERT_TRUE(store_.PromoteDue().ok());
  EXPECT_EQ(FailOne(head), EndResult::kEnded);
  EXPECT_THAT(Ids(Claim(10)), ElementsAre(next));
  const auto added = jobs_.AddJobs(
      {{.task_identifier = "t", .job_key = "k", .job_key_mode = JobKeyMode::kUnsafeDedupe}});
  EXPECT_EQ(added->at(0).result, AddResult::kCreated);
}

TEST_F(FailTest, WhatAPoolHoldsIsMarkedAndToldToItsPoolAlone) {
  const JobId id = Add({.task_identifier = "t"});
  const ClaimedJob claimed = Claim(1).at(0);
  EXPECT_EQ(FailOne(id), EndResult::kRequested);
  EXPECT_EQ(StateOf(id), JobState::kHeld);
  EXPECT_EQ(jobs_.GetJob(id)->fail_reason, "no use");
  EXPECT_EQ(jobs_.GetJob(id)->cancel_reason, "");
  EXPECT_THAT(*store_.ListCancelled(worker_), ElementsAre(Hold{claimed.claim_id, id}));
  EXPECT_THAT(*store_.ListCancelled(Register("other")), IsEmpty());
}

TEST_F(FailTest, EveryOutcomeButSuccessExhaustsAMarkedJob) {
  for (const AttemptOutcome outcome :
       {AttemptOutcome::kFailed, AttemptOutcome::kPartialSuccess, AttemptOutcome::kSnoozed,
        AttemptOutcome::kInterrupted, AttemptOutcome::kCancelled}) {
    for (const bool exhausted : {false, true}) {
      const JobId id = Add({.task_identifier = "t", .queue_name = "q", .job_key = "k"});
      ASSERT_TRUE(store_.PromoteDue().ok());
      AttemptReport report = ReportOf(Claim(1).at(0), outcome, exhausted);
      report.delay = absl::Hours(1);
      report.error_message = "what the handler said";
      FailOne(id);
      const RecordResult result = RecordAll(report);
      EXPECT_THAT(result.verdicts, ElementsAre(RecordVerdict::kFailedForGood));
      EXPECT_EQ(result.reasons.at(0), "no use");
      // An answer that was lost comes again.
      EXPECT_THAT(RecordAll(report).verdicts, ElementsAre(RecordVerdict::kFailedForGood));
      EXPECT_EQ(RecordAll(report).reasons.at(0), "no use");
      const auto job = jobs_.GetJob(id);
      EXPECT_EQ(job->state, JobState::kExhausted);
      EXPECT_EQ(job->job.attempt, 1);
      EXPECT_EQ(job->last_error, "no use");
      const auto attempts = jobs_.ListAttempts(id, 10);
      ASSERT_THAT(*attempts, SizeIs(1));
      EXPECT_EQ(attempts->at(0).outcome, AttemptOutcome::kFailed);
      EXPECT_EQ(attempts->at(0).attempt, 1);
      EXPECT_EQ(attempts->at(0).error_detail, "what the handler said");
      EXPECT_EQ(Marks(), "0");
    }
  }
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.job_key"), "0");
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.queue where head is not null"), "0");
}

TEST_F(FailTest, AMarkedJobThatCompletesIsCompleted) {
  const JobId id = Add({.task_identifier = "t"});
  const ClaimedJob claimed = Claim(1).at(0);
  FailOne(id);
  EXPECT_EQ(Record(ReportOf(claimed, AttemptOutcome::kCompleted)), RecordVerdict::kAccepted);
  EXPECT_EQ(StateOf(id), JobState::kCompleted);
}

TEST_F(FailTest, AMarkedJobThatIsGivenBackIsExhaustedWithoutAnAttempt) {
  const JobId id = Add({.task_identifier = "t"});
  const std::vector<ClaimedJob> claimed = Claim(1);
  FailOne(id);
  EXPECT_THAT(GiveBack(claimed), ElementsAre(RecordVerdict::kFailedForGood));
  // An answer that was lost comes again.
  EXPECT_THAT(GiveBack(claimed), ElementsAre(RecordVerdict::kFailedForGood));
  EXPECT_EQ(StateOf(id), JobState::kExhausted);
  EXPECT_EQ(jobs_.GetJob(id)->job.attempt, 0);
  EXPECT_THAT(Claim(1), IsEmpty());
}

TEST_F(FailTest, AMarkOutlivesThePool) {
  const JobId id = Add({.task_identifier = "t"});
  Claim(1);
  FailOne(id);
  const auto rescued = store_.Rescue(worker_);
  ASSERT_TRUE(rescued.ok()) << rescued.status();
  ASSERT_THAT(*rescued, SizeIs(1));
  EXPECT_EQ(rescued->at(0).state, JobState::kExhausted);
  EXPECT_EQ(rescued->at(0).reason, "no use");
  EXPECT_TRUE(rescued->at(0).counted);
}

TEST_F(FailTest, WhatALostPoolHadKeptWithoutBeginningItHasNoAttempt) {
  const JobId id = Add({.task_identifier = "t"});
  const ClaimedJob claimed = Claim(1).at(0);
  ASSERT_TRUE(store_.NoteKept({{claimed.claim_id, id}}).ok());
  FailOne(id);
  const auto rescued = store_.Rescue(worker_);
  ASSERT_TRUE(rescued.ok()) << rescued.status();
  ASSERT_THAT(*rescued, SizeIs(1));
  EXPECT_EQ(rescued->at(0).state, JobState::kExhausted);
  EXPECT_FALSE(rescued->at(0).counted);
}

TEST_F(FailTest, APartialResultIsKeptForWhoeverRetriesTheJob) {
  const JobId id = Add({.task_identifier = "t"});
  AttemptReport report = ReportOf(Claim(1).at(0), AttemptOutcome::kPartialSuccess);
  report.partial_success = PartialSuccess{{"read"}, {}, "write", "{}"};
  FailOne(id);
  RecordAll(report);
  EXPECT_EQ(schema_.Query("select partial_success->>'retry_from_step' from {schema}.job_memory "
                          "where job_id = " +
                          std::to_string(id)),
            "write");
}

TEST_F(FailTest, ACancelOverridesAFailureThatWasAskedForAndNotTheOtherWayRound) {
  const JobId id = Add({.task_identifier = "t"});
  const ClaimedJob claimed = Claim(1).at(0);
  FailOne(id);
  EXPECT_EQ(CancelOne(id), EndResult::kRequested);
  EXPECT_EQ(jobs_.GetJob(id)->cancel_reason, "not wanted");
  EXPECT_EQ(FailOne(id), EndResult::kBeingCancelled);
  EXPECT_EQ(jobs_.GetJob(id)->fail_reason, "");
  const RecordResult result = RecordAll(ReportOf(claimed, AttemptOutcome::kFailed));
  EXPECT_THAT(result.verdicts, ElementsAre(RecordVerdict::kCancelled));
  EXPECT_EQ(result.reasons.at(0), "not wanted");
}

TEST_F(FailTest, AServerOlderThanThisCancelsAsBefore) {
  const JobId id = Add({.task_identifier = "t"});
  EXPECT_EQ(schema_.Query("select result from {schema}.cancel_jobs(array[" + std::to_string(id) +
                          "], 'not wanted')"),
            "k");
  EXPECT_EQ(StateOf(id), JobState::kCancelled);
}

TEST_F(FailTest, AJobThatWasSupersededKeepsThatReason) {
  const JobId id = Add({.task_identifier = "t", .job_key = "k"});
  const ClaimedJob claimed = Claim(1).at(0);
  Add({.task_identifier = "t", .job_key = "k"});
  FailOne(id);
  const RecordResult result = RecordAll(ReportOf(claimed, AttemptOutcome::kFailed));
  EXPECT_THAT(result.verdicts, ElementsAre(RecordVerdict::kCancelled));
  EXPECT_EQ(result.reasons.at(0), "superseded");
}

TEST_F(FailTest, AJobThatWasSupersededIsCancelledAlsoIfItsHandlerCancelsIt) {
  const JobId id = Add({.task_identifier = "t", .job_key = "k"});
  const ClaimedJob claimed = Claim(1).at(0);
  Add({.task_identifier = "t", .job_key = "k"});
  FailOne(id);
  RecordAll(ReportOf(claimed, AttemptOutcome::kCancelled));
  EXPECT_EQ(StateOf(id), JobState::kCancelled);
  EXPECT_EQ(Marks(), "0");
}

TEST_F(FailTest, AKeyThatAnApplicationHasLockedStaysBehindAndIsFree) {
  const JobId id = Add({.task_identifier = "t", .job_key = "k"});
  {
    pqxx::connection application(TestDatabaseUrl());
    pqxx::work transaction(application);
    transaction.exec("select from " + schema_.name() + ".job_key for update");
    EXPECT_EQ(FailOne(id), EndResult::kEnded);
  }
  const auto added = jobs_.AddJobs(
      {{.task_identifier = "t", .job_key = "k", .job_key_mode = JobKeyMode::kUnsafeDedupe}});
  EXPECT_EQ(added->at(0).result, AddResult::kCreated);
}

}  // namespace
}  // namespace millrace
