#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/pool_store_fixture.h"

namespace millrace {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;

class PoolStoreTest : public PoolStoreFixture {};

TEST_F(PoolStoreTest, JobsAreClaimedInTheOrderOfPriorityRunAtAndId) {
  const absl::Time past = absl::Now() - absl::Hours(2);
  const JobId late = Add({.task_identifier = "a"});
  const JobId early = Add({.task_identifier = "b", .run_at = past});
  const JobId urgent = Add({.task_identifier = "c", .priority = -1});
  const JobId later = Add({.task_identifier = "a"});
  EXPECT_THAT(Ids(Claim(10)), ElementsAre(urgent, early, late, later));
}

TEST_F(PoolStoreTest, NoMoreJobsAreClaimedThanWereWanted) {
  const std::vector<JobId> ids = AddMany(100, {.task_identifier = "t"});
  const auto first = Claim(30);
  const auto second = Claim(70);
  EXPECT_EQ(Ids(first), std::vector<JobId>(ids.begin(), ids.begin() + 30));
  EXPECT_EQ(Ids(second), std::vector<JobId>(ids.begin() + 30, ids.end()));
  EXPECT_THAT(Claim(10), IsEmpty());
}

TEST_F(PoolStoreTest, AClaimedJobHasAllThatItsHandlerNeeds) {
  const JobId id = Add({.task_identifier = "t",
                        .payload = "{\"n\": 1}",
                        .queue_name = "q",
                        .priority = 3,
                        .max_attempts = 4,
                        .job_key = "k",
                        .flags = {"f"},
                        .correlation_id = "c",
                        .metadata = "{\"m\": 1}"});
  const ClaimedJob job = Claim(1).at(0);
  EXPECT_EQ(job.job.id, id);
  EXPECT_EQ(job.job.task_identifier, "t");
  EXPECT_EQ(job.job.payload, "{\"n\": 1}");
  EXPECT_EQ(job.job.queue_name, "q");
  EXPECT_EQ(job.job.priority, 3);
  EXPECT_EQ(job.job.attempt, 1);
  EXPECT_EQ(job.job.max_attempts, 4);
  EXPECT_EQ(job.job.job_key, "k");
  EXPECT_THAT(job.job.flags, ElementsAre("f"));
  EXPECT_EQ(job.job.correlation_id, "c");
  EXPECT_EQ(job.job.metadata, "{\"m\": 1}");
  EXPECT_EQ(job.job.created_at, jobs_.GetJob(id)->job.created_at);
  EXPECT_GE(job.queue_time_at_claim, absl::ZeroDuration());
  EXPECT_FALSE(job.plain);
}

TEST_F(PoolStoreTest, OnlyJobsOfTheNamedTasksAreClaimed) {
  const JobId mine = Add({.task_identifier = "mine"});
  Add({.task_identifier = "other"});
  EXPECT_THAT(Ids(Claim(10, {"mine", "unheard_of"})), ElementsAre(mine));
}

TEST_F(PoolStoreTest, JobsWithAForbiddenFlagAreLeftAlone) {
  Add({.task_identifier = "t", .flags = {"gpu", "slow"}});
  const JobId plain = Add({.task_identifier = "t"});
  const JobId slow = Add({.task_identifier = "t", .flags = {"slow"}});
  EXPECT_THAT(Ids(Claim(10, {}, {"gpu", "x"})), ElementsAre(plain, slow));
}

TEST_F(PoolStoreTest, AFutureJobIsClaimedWhenItsTimeHasComeAndTheNextDueMomentIsTold) {
  const auto none = store_.PromoteDue();
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->has_value());
  const JobId id = Add({.task_identifier = "t", .run_at = absl::Now() + absl::Hours(1)});
  const auto due = store_.PromoteDue();
  ASSERT_TRUE(due.ok() && due->has_value());
  EXPECT_GT(**due, absl::Minutes(59));
  EXPECT_LT(**due, absl::Minutes(61));
  EXPECT_THAT(Claim(1), IsEmpty());
  schema_.Query("update {schema}.scheduled set due = now() - interval '1 s'");
  EXPECT_THAT(Ids(Claim(1)), ElementsAre(id));
}

TEST_F(PoolStoreTest, OfASerialQueueOneJobAtATimeIsHeldInOrder) {
  const JobId second = Add({.task_identifier = "t", .queue_name = "q", .priority = 2});
  const JobId first = Add({.task_identifier = "t", .queue_name = "q", .priority = 1});
  const JobId third = Add({.task_identifier = "t", .queue_name = "q", .priority = 2});
  const JobId free = Add({.task_identifier = "t", .priority = 9});
  auto claimed = Claim(10);
  EXPECT_THAT(Ids(claimed), ElementsAre(first, free));
  EXPECT_THAT(Claim(10), IsEmpty());
  EXPECT_EQ(Record(ReportOf(claimed[0], AttemptOutcome::kCompleted)), RecordVerdict::kAccepted);
  claimed = Claim(10);
  EXPECT_THAT(Ids(claimed), ElementsAre(second));
  EXPECT_THAT(GiveBack(claimed), ElementsAre(RecordVerdict::kAccepted));
  claimed = Claim(10);
  EXPECT_THAT(Ids(claimed), ElementsAre(second));
  Record(ReportOf(claimed[0], AttemptOutcome::kCompleted));
  EXPECT_THAT(Ids(Claim(10)), ElementsAre(third));
}

TEST_F(PoolStoreTest, AJobThatWaitsForItsRetryIsOvertakenInItsQueue) {
  Add({.task_identifier = "t", .queue_name = "q"});
  const JobId next = Add({.task_identifier = "t", .queue_name = "q"});
  AttemptReport failed = ReportOf(Claim(1).at(0), AttemptOutcome::kFailed);
  failed.delay = absl::Hours(1);
  Record(failed);
  EXPECT_THAT(Ids(Claim(10)), ElementsAre(next));
}

TEST_F(PoolStoreTest, ARetriedJobIsOrderedByTheTimeOfItsRetry) {
  const JobId retried = Add({.task_identifier = "t", .run_at = absl::Now() - absl::Hours(5)});
  const ClaimedJob first = Claim(1).at(0);
  const JobId fresh = Add({.task_identifier = "t", .run_at = absl::Now() - absl::Hours(1)});
  AttemptReport failed = ReportOf(first, AttemptOutcome::kFailed);
  failed.error_message = "no luck";
  EXPECT_EQ(Record(failed), RecordVerdict::kAccepted);
  EXPECT_EQ(jobs_.GetJob(retried)->last_error, "no luck");
  const auto claimed = Claim(10);
  EXPECT_THAT(Ids(claimed), ElementsAre(fresh, retried));
  EXPECT_EQ(claimed[1].job.attempt, 2);
  EXPECT_FALSE(claimed[1].plain);
  EXPECT_LT(claimed[1].queue_time_at_claim, absl::Minutes(30));
  // Its completion takes away what was remembered.
  EXPECT_EQ(Record(ReportOf(claimed[1], AttemptOutcome::kCompleted)), RecordVerdict::kAccepted);
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.job_memory"), "0");
}

TEST_F(PoolStoreTest, ASnoozedOrInterruptedAttemptIsNotCounted) {
  Add({.task_identifier = "t"});
  EXPECT_EQ(Record(ReportOf(Claim(1).at(0), AttemptOutcome::kSnoozed)), RecordVerdict::kAccepted);
  const ClaimedJob second = Claim(1).at(0);
  EXPECT_EQ(second.job.attempt, 1);
  EXPECT_EQ(Record(ReportOf(second, AttemptOutcome::kInterrupted)), RecordVerdict::kAccepted);
  const ClaimedJob third = Claim(1).at(0);
  EXPECT_EQ(third.job.attempt, 1);
  EXPECT_EQ(third.interruptions, 1);
}

TEST_F(PoolStoreTest, AnExhaustedJobIsKeptAndFreesItsQueueAndItsKey) {
  const JobId id = Add({.task_identifier = "t", .queue_name = "q", .job_key = "k"});
  const JobId next = Add({.task_identifier = "t", .queue_name = "q"});
  EXPECT_EQ(Record(ReportOf(Claim(1).at(0), AttemptOutcome::kFailed, true)),
            RecordVerdict::kAccepted);
  EXPECT_EQ(StateOf(id), JobState::kExhausted);
  EXPECT_THAT(Ids(Claim(10)), ElementsAre(next));
  EXPECT_EQ(jobs_.AddJobs({{.task_identifier = "t", .job_key = "k"}})->at(0).result,
            AddResult::kCreated);
}

TEST_F(PoolStoreTest, AReportThatComesTwiceIsAnsweredAsTheFirstTime) {
  AddMany(3, {.task_identifier = "t"});
  const auto claimed = Claim(3);
  EXPECT_EQ(Record(ReportOf(claimed[0], AttemptOutcome::kCompleted)), RecordVerdict::kAccepted);
  const auto again = store_.Record(worker_, {ReportOf(claimed[0], AttemptOutcome::kCompleted),
                                             ReportOf(claimed[1], AttemptOutcome::kCompleted),
                                             ReportOf(claimed[2], AttemptOutcome::kFailed)});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_THAT(again->verdicts, Each(RecordVerdict::kAccepted));
  EXPECT_LT(again->recorded_at[0], again->recorded_at[1]);
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.attempt_outcome"), "3");
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.claim"), "0");
}

TEST_F(PoolStoreTest, AReportThatComesAgainAfterItsClaimHasGoneIsAnsweredAsTheFirstTime) {
  for (const AttemptOutcome outcome : {AttemptOutcome::kCompleted, AttemptOutcome::kFailed}) {
    Add({.task_identifier = "t"});
    AttemptReport report = ReportOf(Claim(1).at(0), outcome);
    report.delay = absl::Hours(1);
    report.execution_time = absl::Milliseconds(3);
    EXPECT_EQ(Record(report), RecordVerdict::kAccepted);
    EXPECT_EQ(Record(report), RecordVerdict::kAccepted);
    // What was reported otherwise was not this report.
    report.outcome = AttemptOutcome::kInterrupted;
    EXPECT_EQ(Record(report), RecordVerdict::kStale);
  }
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.attempt_outcome"), "2");
}

TEST_F(PoolStoreTest, AReportAfterARescueIsStale) {
  Add({.task_identifier = "t"});
  const ClaimedJob claimed = Claim(1).at(0);
  ASSERT_THAT(*store_.Rescue(worker_), SizeIs(1));
  AttemptReport report = ReportOf(claimed, AttemptOutcome::kFailed);
  report.execution_time = absl::Milliseconds(3);
  EXPECT_EQ(Record(report), RecordVerdict::kStale);
  report.outcome = AttemptOutcome::kCompleted;
  EXPECT_EQ(Record(report), RecordVerdict::kStale);
}

TEST_F(PoolStoreTest, AReportUnderAnotherClaimIsStale) {
  Add({.task_identifier = "t"});
  Add({.task_identifier = "t"});
  const ClaimedJob first = Claim(1).at(0);
  const ClaimedJob second = Claim(1).at(0);
  AttemptReport wrong = ReportOf(first, AttemptOutcome::kFailed);
  wrong.claim_id = second.claim_id;
  EXPECT_EQ(Record(wrong), RecordVerdict::kStale);
  EXPECT_EQ(StateOf(first.job.id), JobState::kHeld);
}

TEST_F(PoolStoreTest, AReportOfAJobThatWasGivenBackIsStale) {
  AddMany(2, {.task_identifier = "t"});
  const auto claimed = Claim(2);
  EXPECT_THAT(GiveBack({claimed[0]}), ElementsAre(RecordVerdict::kAccepted));
  EXPECT_EQ(Record(ReportOf(claimed[0], AttemptOutcome::kCompleted)), RecordVerdict::kStale);
  EXPECT_EQ(Record(ReportOf(claimed[0], AttemptOutcome::kFailed)), RecordVerdict::kStale);
  EXPECT_EQ(Record(ReportOf(claimed[1], AttemptOutcome::kCompleted)), RecordVerdict::kAccepted);
  EXPECT_EQ(StateOf(claimed[0].job.id), JobState::kReady);
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.claim"), "0");
}

TEST_F(PoolStoreTest, JobsThatAreGivenBackAreOneChunkAgainWithTheirAttemptsUncounted) {
  const std::vector<JobId> ids = AddMany(100, {.task_identifier = "t"});
  GiveBack(Claim(100));
  EXPECT_EQ(schema_.Query("select string_agg(jobs::text, ',') from {schema}.ready"), "100");
  const auto claimed = Claim(100);
  EXPECT_EQ(Ids(claimed), ids);
  for (const ClaimedJob& job : claimed) EXPECT_EQ(job.job.attempt, 1);
  EXPECT_THAT(GiveBack(claimed), Each(RecordVerdict::kAccepted));
}

TEST_F(PoolStoreTest, AJobWhoseKeyIsTakenWhileItRunsIsNotRetried) {
  const JobId running = Add({.task_identifier = "t", .job_key = "k"});
  const ClaimedJob claimed = Claim(1).at(0);
  const JobId successor = Add({.task_identifier = "t", .job_key = "k"});
  EXPECT_NE(running, successor);
  EXPECT_EQ(Record(ReportOf(claimed, AttemptOutcome::kFailed)), RecordVerdict::kCancelled);
  EXPECT_EQ(StateOf(running), JobState::kCancelled);
  EXPECT_EQ(jobs_.ListAttempts(running, 1)->at(0).error_message, "superseded");
  EXPECT_THAT(Ids(Claim(10)), ElementsAre(successor));
}

TEST_F(PoolStoreTest, AJobWhoseKeyIsTakenDuringItsLastAttemptIsCancelledAndNotExhausted) {
  const JobId running = Add({.task_identifier = "t", .max_attempts = 1, .job_key = "k"});
  const ClaimedJob claimed = Claim(1).at(0);
  Add({.task_identifier = "t", .job_key = "k"});
  EXPECT_EQ(Record(ReportOf(claimed, AttemptOutcome::kFailed, /*exhausted=*/true)),
            RecordVerdict::kCancelled);
  EXPECT_EQ(StateOf(running), JobState::kCancelled);
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.job_key"), "1");
}

TEST_F(PoolStoreTest, AJobWhoseKeyIsTakenIsCancelledWhenItsPoolIsLost) {
  const JobId running = Add({.task_identifier = "t", .job_key = "k"});
  Claim(1);
  Add({.task_identifier = "t", .job_key = "k"});
  const auto rescued = store_.Rescue(worker_);
  ASSERT_TRUE(rescued.ok()) << rescued.status();
  ASSERT_THAT(*rescued, SizeIs(1));
  EXPECT_EQ(rescued->at(0).job.id, running);
  EXPECT_EQ(rescued->at(0).state, JobState::kCancelled);
}

TEST_F(PoolStoreTest, AJobWhoseKeyIsTakenWhileItRunsCompletesAllTheSame) {
  const JobId running = Add({.task_identifier = "t", .job_key = "k"});
  const ClaimedJob claimed = Claim(1).at(0);
  Add({.task_identifier = "t", .job_key = "k"});
  EXPECT_EQ(Record(ReportOf(claimed, AttemptOutcome::kCompleted)), RecordVerdict::kAccepted);
  EXPECT_EQ(StateOf(running), JobState::kCompleted);
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.job_key"), "1");
}

TEST_F(PoolStoreTest, AReportDoesNotWaitForATransactionThatTakesTheKey) {
  const JobId running = Add({.task_identifier = "t", .job_key = "k"});
  const ClaimedJob claimed = Claim(1).at(0);
  ASSERT_TRUE(schema_.database()
                  .Run("application",
                       [&](PostgresConnection& connection) {
                         pqxx::work transaction(connection.raw());
                         transaction.exec("select " + schema_.name() +
                                          ".add_job('t', job_key := 'k')");
                         EXPECT_EQ(Record(ReportOf(claimed, AttemptOutcome::kFailed)),
                                   RecordVerdict::kBusy);
                         EXPECT_THAT(GiveBack({claimed}), ElementsAre(RecordVerdict::kBusy));
                         transaction.commit();
                       })
                  .ok());
  EXPECT_EQ(StateOf(running), JobState::kHeld);
  EXPECT_EQ(Record(ReportOf(claimed, AttemptOutcome::kFailed)), RecordVerdict::kCancelled);
}

TEST_F(PoolStoreTest, AClaimDoesNotWaitForATransactionThatReplacesAJob) {
  Add({.task_identifier = "t", .job_key = "k"});
  const JobId other = Add({.task_identifier = "t"});
  ASSERT_TRUE(schema_.database()
                  .Run("application",
                       [&](PostgresConnection& connection) {
                         pqxx::work transaction(connection.raw());
                         transaction.exec("select " + schema_.name() +
                                          ".add_job('t', job_key := 'k')");
                         EXPECT_THAT(Ids(Claim(10)), ElementsAre(other));
                         transaction.commit();
                       })
                  .ok());
  EXPECT_THAT(Claim(10), SizeIs(1));
}

TEST_F(PoolStoreTest, OneBadReportDoesNotKeepTheOthersFromBeingRecordedAlone) {
  AddMany(2, {.task_identifier = "t"});
  const auto claimed = Claim(2);
  AttemptReport bad = ReportOf(claimed[0], AttemptOutcome::kCompleted);
  bad.result = "{not json";
  EXPECT_EQ(store_.Record(worker_, {bad}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(StateOf(claimed[0].job.id), JobState::kHeld);
  EXPECT_EQ(Record(ReportOf(claimed[1], AttemptOutcome::kCompleted)), RecordVerdict::kAccepted);
}

TEST_F(PoolStoreTest, ErrorTextsOfAnyBytesAreKeptAsFarAsTheyAreText) {
  const JobId id = Add({.task_identifier = "t"});
  AttemptReport failed = ReportOf(Claim(1).at(0), AttemptOutcome::kFailed);
  failed.error_message = std::string("a\0b\xff\"c\\", 7);
  EXPECT_EQ(Record(failed), RecordVerdict::kAccepted);
  EXPECT_EQ(jobs_.GetJob(id)->last_error,
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD\"c\\");
}

TEST_F(PoolStoreTest, RescueFreesWhatALostWorkerHeldAsItsStartsTell) {
  const JobId counted = Add({.task_identifier = "t", .priority = 1});
  const JobId last_started = Add({.task_identifier = "t", .priority = 2, .max_attempts = 1});
  const JobId last_buffered = Add({.task_identifier = "t", .priority = 3, .max_attempts = 1});
  const JobId done = Add({.task_identifier = "t", .priority = 4});
  const auto claimed = Claim(10);
  ASSERT_THAT(Ids(claimed), ElementsAre(counted, last_started, last_buffered, done));
  const auto started = store_.RecordLastAttemptStarts({{claimed[1].claim_id, last_started}});
  ASSERT_TRUE(started.ok());
  EXPECT_THAT(*started, ElementsAre(true));
  Record(ReportOf(claimed[3], AttemptOutcome::kCompleted));

  const auto rescued = store_.Rescue(worker_);
  ASSERT_TRUE(rescued.ok()) << rescued.status();
  std::map<JobId, JobState> states;
  for (const RescuedJob& job : *rescued) states[job.job.id] = job.state;
  EXPECT_EQ(states, (std::map<JobId, JobState>{{counted, JobState::kReady},
                                               {last_started, JobState::kExhausted},
                                               {last_buffered, JobState::kReady}}));
  EXPECT_EQ(StateOf(counted), JobState::kReady);
  EXPECT_EQ(jobs_.GetJob(counted)->job.attempt, 1);
  EXPECT_EQ(jobs_.ListAttempts(counted, 1)->at(0).outcome, AttemptOutcome::kLost);
  EXPECT_EQ(StateOf(last_started), JobState::kExhausted);
  EXPECT_EQ(jobs_.GetJob(last_started)->last_error, "worker lost");
  EXPECT_EQ(StateOf(last_buffered), JobState::kReady);
  EXPECT_EQ(jobs_.GetJob(last_buffered)->job.attempt, 0);
  EXPECT_THAT(*jobs_.ListAttempts(last_buffered, 1), IsEmpty());
  EXPECT_THAT(*store_.Rescue(worker_), IsEmpty());
  // What comes late changes nothing.
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(Record(ReportOf(claimed[i], AttemptOutcome::kCompleted)), RecordVerdict::kStale);
}

TEST_F(PoolStoreTest, AWorkerWhoseLeaseWasEndedClaimsNothingAndIsToldSo) {
  Add({.task_identifier = "t"});
  EXPECT_TRUE(store_.Heartbeat(worker_).ok());
  EXPECT_THAT(*store_.ListLeases(), SizeIs(1));
  EXPECT_TRUE(store_.EndWorker(worker_).ok());
  EXPECT_THAT(Claim(1), IsEmpty());
  EXPECT_EQ(store_.Heartbeat(worker_).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_.AnnounceIdle(worker_, true).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(*store_.ListLeases(), IsEmpty());
  EXPECT_TRUE(store_.EndWorker(worker_).ok());
  EXPECT_THAT(Claim(1, {}, {}, Register("worker-2")), SizeIs(1));
}

TEST_F(PoolStoreTest, AHeartbeatChangesWhatOthersSeeOfTheLease) {
  const int64_t before = store_.ListLeases()->at(0).heartbeat;
  ASSERT_TRUE(store_.Heartbeat(worker_).ok());
  const WorkerLease lease = store_.ListLeases()->at(0);
  EXPECT_NE(lease.heartbeat, before);
  EXPECT_EQ(lease.worker_id, "worker-1");
  EXPECT_EQ(lease.lease_ttl, absl::Seconds(15));
}

// As with a database that keeps its answer back: who keeps a lease has no time to wait for it.
TEST_F(PoolStoreTest, CallsThatKeepTheLeaseAreGivenUpAfterSeconds) {
  const WorkerNumber other = Register("worker-2");
  absl::Status ended;
  const absl::Status locked = schema_.database().Run("test", [&](PostgresConnection& connection) {
    pqxx::work transaction(connection.raw());
    transaction.exec("select * from " + schema_.name() + ".worker for update");
    std::thread ender([&] { ended = store_.EndWorker(other); });
    const absl::Status renewed = store_.Heartbeat(worker_);
    EXPECT_EQ(renewed, absl::UnavailableError("database: no answer in time"));
    ender.join();
    transaction.abort();
  });
  ASSERT_TRUE(locked.ok()) << locked;
  EXPECT_EQ(ended.code(), absl::StatusCode::kUnavailable) << ended;
  EXPECT_EQ(store_.Heartbeat(worker_), absl::OkStatus());
  EXPECT_EQ(store_.Heartbeat(other), absl::OkStatus());
}

TEST_F(PoolStoreTest, TheStartOfALastAttemptIsRefusedWhenTheClaimIsGone) {
  const JobId id = Add({.task_identifier = "t", .max_attempts = 1});
  const ClaimedJob claimed = Claim(1).at(0);
  ASSERT_TRUE(store_.Rescue(worker_).ok());
  EXPECT_THAT(*store_.RecordLastAttemptStarts({{claimed.claim_id, id}}), ElementsAre(false));
}

TEST_F(PoolStoreTest, ClaimersAtOnceShareTheJobsWithoutDoublesOrLoss) {
  std::vector<JobId> ids;
  for (int i = 0; i < 10; ++i) {
    for (const JobId id :
         AddMany(100, {.task_identifier = absl::StrCat("t", i % 3), .priority = i % 2}))
      ids.push_back(id);
  }
  std::vector<std::vector<JobId>> claimed(4);
  std::vector<std::thread> claimers;
  for (auto& mine : claimed) {
    claimers.emplace_back([this, &mine] {
      // An empty claim means that the others hold what is left, or that all is claimed.
      for (int empty = 0; empty < 20;) {
        const auto jobs = store_.Claim({.worker = worker_,
                                        .number = ++last_number_,
                                        .max_jobs = 7,
                                        .task_identifiers = {},
                                        .forbidden_flags = {}});
        empty = jobs.ok() && !jobs->empty() ? 0 : empty + 1;
        for (const JobId id : Ids(*jobs)) mine.push_back(id);
      }
    });
  }
  for (std::thread& claimer : claimers) claimer.join();
  std::vector<JobId> all;
  for (const auto& mine : claimed) all.insert(all.end(), mine.begin(), mine.end());
  EXPECT_THAT(all, UnorderedElementsAreArray(ids));
}

}  // namespace
}  // namespace millrace
