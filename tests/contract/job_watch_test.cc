#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/postgres/postgres_job_watch_store.h"
#include "tests/contract/pool_store_fixture.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// What those who wait for the ends of jobs see.
class JobWatchTest : public PoolStoreFixture {
 protected:
  std::vector<JobId> Ended(const std::vector<JobId>& ids) {
    const auto ended = watch_.FindEnded(ids, CallLimit());
    EXPECT_TRUE(ended.ok()) << ended.status();
    return ended.ok() ? *ended : std::vector<JobId>();
  }
  WatchedJob Look(JobId id) {
    const auto jobs = watch_.Look({id}, CallLimit());
    EXPECT_TRUE(jobs.ok()) << jobs.status();
    EXPECT_THAT(*jobs, SizeIs(1));
    return jobs->at(0);
  }

  PostgresJobWatchStore watch_{schema_.database()};
};

TEST_F(JobWatchTest, AJobThatWaitsOrIsHeldHasNotEnded) {
  const JobId later = Add({.task_identifier = "t", .run_at = absl::FromUnixSeconds(4'000'000'000)});
  const JobId ready = Add({.task_identifier = "t"});
  EXPECT_THAT(Ended({later, ready}), IsEmpty());
  Claim(1);
  EXPECT_THAT(Ended({later, ready}), IsEmpty());
  const WatchedJob held = Look(ready);
  EXPECT_EQ(held.details.state, JobState::kHeld);
  EXPECT_FALSE(held.has_ended());
  EXPECT_FALSE(held.last_attempt.has_value());
}

TEST_F(JobWatchTest, ACompletedJobHasEndedWithItsResult) {
  const JobId id = Add({.task_identifier = "t"});
  AttemptReport report = ReportOf(Claim(1).at(0), AttemptOutcome::kCompleted);
  report.plain = false;
  report.result = R"({"n": 1})";
  Record(report);
  EXPECT_THAT(Ended({id}), ElementsAre(id));
  const WatchedJob job = Look(id);
  EXPECT_TRUE(job.has_ended());
  ASSERT_TRUE(job.last_attempt.has_value());
  EXPECT_EQ(job.last_attempt->outcome, AttemptOutcome::kCompleted);
  EXPECT_EQ(job.last_attempt->result, R"({"n": 1})");
  EXPECT_EQ(job.last_attempt->worker_id, "worker-1");
  EXPECT_EQ(job.successor, 0);
}

TEST_F(JobWatchTest, AFailedJobWaitsForItsRetryAndHasEndedOnceItIsExhausted) {
  const JobId id = Add({.task_identifier = "t"});
  AttemptReport report = ReportOf(Claim(1).at(0), AttemptOutcome::kFailed);
  report.error_message = "first";
  Record(report);
  EXPECT_THAT(Ended({id}), IsEmpty());
  EXPECT_EQ(Look(id).last_attempt->error_message, "first");
  AttemptReport last = ReportOf(Claim(1).at(0), AttemptOutcome::kFailed, /*exhausted=*/true);
  last.error_message = "last";
  Record(last);
  EXPECT_THAT(Ended({id}), ElementsAre(id));
  const WatchedJob job = Look(id);
  EXPECT_EQ(job.details.state, JobState::kExhausted);
  EXPECT_EQ(job.last_attempt->attempt, 2);
  EXPECT_EQ(job.last_attempt->error_message, "last");
}

TEST_F(JobWatchTest, ACancelledJobHasEndedWithTheReason) {
  const JobId id = Add({.task_identifier = "t"});
  ASSERT_TRUE(jobs_.EndJobs({id}, JobEnding::kCancel, "not wanted").ok());
  EXPECT_THAT(Ended({id}), ElementsAre(id));
  EXPECT_EQ(Look(id).last_attempt->error_message, "not wanted");
  EXPECT_EQ(Look(id).successor, 0);
}

TEST_F(JobWatchTest, ASupersededJobNamesTheOneThatHasItsKeyNow) {
  const JobSpec spec = {.task_identifier = "t", .job_key = "k"};
  const JobId id = Add(spec);
  const ClaimedJob claimed = Claim(1).at(0);
  const JobId second = Add(spec);
  EXPECT_EQ(Look(id).successor, 0);  // it still runs
  Record(ReportOf(claimed, AttemptOutcome::kFailed));
  EXPECT_THAT(Ended({id, second}), ElementsAre(id));
  EXPECT_EQ(Look(id).details.state, JobState::kCancelled);
  EXPECT_EQ(Look(id).successor, second);
  // A successor that has ended has the key no more.
  Record(ReportOf(Claim(1).at(0), AttemptOutcome::kCompleted));
  EXPECT_EQ(Look(id).successor, 0);
}

TEST_F(JobWatchTest, ASuccessorThatHasEndedIsNotNamedThoughItsKeyWasLockedThen) {
  const JobSpec spec = {.task_identifier = "t", .job_key = "k"};
  const JobId id = Add(spec);
  const ClaimedJob claimed = Claim(1).at(0);
  Add(spec);
  Record(ReportOf(claimed, AttemptOutcome::kFailed));
  const ClaimedJob successor = Claim(1).at(0);
  pqxx::connection application(TestDatabaseUrl());
  pqxx::work transaction(application);
  transaction.exec("select from " + schema_.name() + ".job_key for update");
  Record(ReportOf(successor, AttemptOutcome::kCompleted));
  transaction.abort();
  ASSERT_EQ(schema_.Query("select job_id from {schema}.job_key"), std::to_string(successor.job.id));
  EXPECT_EQ(Look(id).successor, 0);
}

TEST_F(JobWatchTest, AWaitingJobWithHistoryThatWasReplacedNamesItsSuccessor) {
  const JobSpec spec = {.task_identifier = "t", .job_key = "k"};
  const JobId id = Add(spec);
  AttemptReport report = ReportOf(Claim(1).at(0), AttemptOutcome::kFailed);
  report.delay = absl::Hours(1);
  Record(report);
  const JobId successor = Add(spec);
  ASSERT_NE(successor, id);
  EXPECT_THAT(Ended({id}), ElementsAre(id));
  EXPECT_EQ(Look(id).successor, successor);
}

TEST_F(JobWatchTest, UnknownJobsAreAmongThoseThatWaitForNothing) {
  const JobId id = Add({.task_identifier = "t"});
  EXPECT_THAT(Ended({77, id, 78}), UnorderedElementsAre(77, 78));
  const auto jobs = watch_.Look({77, id}, CallLimit());
  ASSERT_TRUE(jobs.ok()) << jobs.status();
  ASSERT_THAT(*jobs, SizeIs(1));
  EXPECT_EQ(jobs->at(0).details.job.id, id);
}

TEST_F(JobWatchTest, ManyJobsAreLookedForInOneCall) {
  std::vector<JobId> ids = AddMany(5000, {.task_identifier = "t"});
  const std::vector<ClaimedJob> claimed = Claim(100);
  for (const ClaimedJob& job : claimed) Record(ReportOf(job, AttemptOutcome::kCompleted));
  std::vector<JobId> ended = Ended(ids);
  std::sort(ended.begin(), ended.end());
  std::vector<JobId> expected = Ids(claimed);
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(ended, expected);
}

}  // namespace
}  // namespace millrace
