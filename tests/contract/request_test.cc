// Changes that come under a request id are made once.

#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/postgres/postgres_maintenance_store.h"
#include "tests/contract/pool_store_fixture.h"

namespace millrace {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::SizeIs;

class RequestTest : public PoolStoreFixture {
 protected:
  static RequestKey Key(const std::string& id, const std::string& digest = "00ff",
                        const std::string& method = "JobQueue/AddJob") {
    return {.id = id, .method = method, .digest = digest};
  }
  std::vector<AddedJob> Added(const std::vector<JobSpec>& specs, const RequestKey& key) {
    // Another server's store: nothing is remembered but in the database.
    PostgresJobStore store(schema_.database(), schema_.metrics());
    const auto added = store.AddJobs(specs, key, CallLimit());
    EXPECT_TRUE(added.ok()) << added.status();
    return added.ok() ? *added : std::vector<AddedJob>();
  }
  std::string Jobs() { return schema_.Query("select count(*) from {schema}.job"); }
  std::string Requests() { return schema_.Query("select count(*) from {schema}.request"); }
  void AgeRequests(const std::string& by) {
    schema_.Query("update {schema}.request set at = at - interval '" + by + "'");
  }
};

TEST_F(RequestTest, AJobIsAddedOnceAndTheFirstAnswerComesAgain) {
  const auto first = Added({{.task_identifier = "t"}}, Key("r"));
  const auto again = Added({{.task_identifier = "t"}}, Key("r"));
  EXPECT_EQ(again.at(0).id, first.at(0).id);
  EXPECT_EQ(again.at(0).result, AddResult::kCreated);
  EXPECT_EQ(Jobs(), "1");
  EXPECT_NE(Added({{.task_identifier = "t"}}, Key("other")).at(0).id, first.at(0).id);
}

TEST_F(RequestTest, AJobWithAKeyIsNotReplacedBySomethingThatCameBefore) {
  const JobSpec spec = {.task_identifier = "t", .job_key = "k"};
  const JobId id = Added({spec}, Key("r")).at(0).id;
  const ClaimedJob claimed = Claim(1).at(0);
  const auto again = Added({spec}, Key("r"));
  EXPECT_EQ(again.at(0).id, id);
  EXPECT_EQ(Record(ReportOf(claimed, AttemptOutcome::kCompleted)), RecordVerdict::kAccepted);
  EXPECT_EQ(Jobs(), "1");
}

TEST_F(RequestTest, ManyJobsAreAddedOnceWithAllTheirAnswers) {
  std::vector<JobSpec> specs(250, {.task_identifier = "t"});
  specs.push_back({.task_identifier = "t", .job_key = "k"});
  Add({.task_identifier = "t", .job_key = "k"});
  const auto first = Added(specs, Key("r"));
  ASSERT_THAT(first, SizeIs(251));
  EXPECT_EQ(first.back().result, AddResult::kUpdated);
  const auto again = Added(specs, Key("r"));
  ASSERT_THAT(again, SizeIs(251));
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(again[i].id, first[i].id);
    EXPECT_EQ(again[i].result, first[i].result);
  }
  EXPECT_EQ(Jobs(), "251");
}

TEST_F(RequestTest, AnIdThatAnotherRequestHasHadIsRefusedAndNothingIsWritten) {
  Added({{.task_identifier = "t"}}, Key("r"));
  const std::string refused =
      "INVALID_ARGUMENT: request_id: another request has had it within 24 hours";
  EXPECT_EQ(jobs_.AddJobs({{.task_identifier = "t", .priority = 1}}, Key("r", "01"), CallLimit())
                .status()
                .ToString(),
            refused);
  EXPECT_EQ(
      jobs_
          .AddJobs({2, {.task_identifier = "t"}}, Key("r", "00ff", "JobQueue/AddJobs"), CallLimit())
          .status()
          .ToString(),
      refused);
  EXPECT_EQ(jobs_
                .EndJobs({1}, JobEnding::kCancel, "x", Key("r", "00ff", "JobQueue/CancelJobs"),
                         CallLimit())
                .status()
                .ToString(),
            refused);
  EXPECT_EQ(Jobs(), "1");
}

TEST_F(RequestTest, TheSameRequestManyTimesAtOnceIsDoneOnce) {
  Add({.task_identifier = "t"});
  for (const size_t jobs : {1, 120}) {
    const std::vector<JobSpec> specs(jobs, {.task_identifier = "t"});
    const RequestKey key = Key("r" + std::to_string(jobs));
    std::vector<JobId> ids(8);
    std::vector<std::thread> threads;
    for (JobId& id : ids) {
      threads.emplace_back([&] { id = Added(specs, key).at(0).id; });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_THAT(ids, Each(ids[0]));
  }
  EXPECT_EQ(Jobs(), "122");
}

TEST_F(RequestTest, JobsAreCancelledOnceAndTheFirstAnswerComesAgain) {
  const std::vector<JobId> ids = {Add({.task_identifier = "t"}), 77};
  const RequestKey key = Key("r", "00", "JobQueue/CancelJobs");
  for (int time = 0; time < 2; ++time) {
    const auto results = jobs_.EndJobs(ids, JobEnding::kCancel, "not wanted", key, CallLimit());
    ASSERT_TRUE(results.ok()) << results.status();
    EXPECT_THAT(*results, ElementsAre(EndResult::kEnded, EndResult::kNotFound));
  }
}

TEST_F(RequestTest, OverdueJobsAreFreedOnceAndTheFirstAnswerComesAgain) {
  Add({.task_identifier = "t"});
  const ClaimedJob claimed = Claim(1).at(0);
  ASSERT_TRUE(store_.NoteKept({{claimed.claim_id, claimed.job.id}}).ok());
  const RequestKey key = Key("r", "00", "JobQueue/ResetOverdueJobs");
  EXPECT_EQ(*jobs_.ResetOverdueJobs(absl::ZeroDuration(), key, CallLimit()), 1);
  EXPECT_EQ(*jobs_.ResetOverdueJobs(absl::ZeroDuration(), key, CallLimit()), 1);
  EXPECT_EQ(*jobs_.ResetOverdueJobs(absl::ZeroDuration()), 0);
}

TEST_F(RequestTest, WhatFailedIsNotKept) {
  const JobSpec bad = {.task_identifier = "t", .payload = R"({"n": 1e200000})"};
  EXPECT_TRUE(absl::IsInvalidArgument(jobs_.AddJobs({bad}, Key("r"), CallLimit()).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(jobs_.AddJobs({bad, bad}, Key("r"), CallLimit()).status()));
  EXPECT_EQ(Requests(), "0");
  EXPECT_THAT(Added({{.task_identifier = "t"}}, Key("r")), SizeIs(1));
}

TEST_F(RequestTest, AfterADayAnIdIsNewAndTheRecordOfItIsForgotten) {
  PostgresMaintenanceStore maintenance(schema_.database());
  const JobId first = Added({{.task_identifier = "t"}}, Key("r")).at(0).id;
  AgeRequests("23 hours 59 minutes");
  EXPECT_EQ(*maintenance.ForgetRequests(), 0);
  EXPECT_EQ(Added({{.task_identifier = "t"}}, Key("r")).at(0).id, first);
  AgeRequests("2 minutes");
  // Also before somebody has cleaned up.
  EXPECT_NE(Added({{.task_identifier = "t"}}, Key("r", "01")).at(0).id, first);
  AgeRequests("1 day");
  EXPECT_EQ(*maintenance.ForgetRequests(), 1);
  EXPECT_EQ(Requests(), "0");
}

}  // namespace
}  // namespace millrace
