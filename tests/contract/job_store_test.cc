#include <algorithm>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/job_store_fixture.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class JobStoreTest : public JobStoreFixture {
 protected:
  std::vector<AddedJob> Add(const std::vector<JobSpec>& specs) {
    auto added = jobs_.AddJobs(specs);
    EXPECT_TRUE(added.ok()) << added.status();
    return added.ok() ? *added : std::vector<AddedJob>(specs.size());
  }
  JobDetails Get(JobId id) {
    auto details = jobs_.GetJob(id);
    EXPECT_TRUE(details.ok()) << details.status();
    return details.ok() ? *details : JobDetails();
  }
  std::vector<JobId> Ids(const JobPage& page) {
    std::vector<JobId> ids;
    for (const JobDetails& details : page.jobs) ids.push_back(details.job.id);
    return ids;
  }
};

TEST_F(JobStoreTest, AJobComesBackWithEveryAttribute) {
  JobSpec spec;
  spec.task_identifier = "send_email";
  spec.payload = R"({"to": "ü@example.org", "n": 12345678901234567890.123})";
  spec.queue_name = "mail";
  spec.run_at = absl::FromUnixMicros(4'000'000'000'123'456);
  spec.priority = -5;
  spec.max_attempts = 7;
  spec.job_key = "key \"quoted\" \\";
  spec.flags = {"b", "a", "c,d", "e\"f", "a"};
  spec.correlation_id = "order-1";
  spec.metadata = R"({"trace": "x"})";
  const JobDetails details = Get(Add({spec})[0].id);
  EXPECT_EQ(details.state, JobState::kScheduled);
  EXPECT_EQ(details.job.task_identifier, "send_email");
  EXPECT_EQ(details.job.payload, R"({"n": 12345678901234567890.123, "to": "ü@example.org"})");
  EXPECT_EQ(details.job.queue_name, "mail");
  EXPECT_EQ(details.job.run_at, *spec.run_at);
  EXPECT_EQ(details.job.priority, -5);
  EXPECT_EQ(details.job.attempt, 0);
  EXPECT_EQ(details.job.max_attempts, 7);
  EXPECT_EQ(details.job.job_key, spec.job_key);
  EXPECT_THAT(details.job.flags, ElementsAre("a", "b", "c,d", "e\"f"));
  EXPECT_EQ(details.job.correlation_id, "order-1");
  EXPECT_EQ(details.job.metadata, R"({"trace": "x"})");
  EXPECT_FALSE(details.finished_at.has_value());
}

TEST_F(JobStoreTest, JobsAddedTogetherKeepTheirOrderAndTheirPayloads) {
  std::vector<JobSpec> specs;
  for (int i = 0; i < 250; ++i) {
    specs.push_back({.task_identifier = i < 230 ? "one" : "other",
                     .payload = absl::StrCat("{\"n\": ", i, "}")});
    if (i == 120) specs.back().queue_name = "serial";
    if (i == 240) specs.back().run_at = absl::Now() + absl::Hours(1);
  }
  const std::vector<AddedJob> added = Add(specs);
  ASSERT_EQ(added.size(), specs.size());
  for (size_t i = 0; i < added.size(); ++i) {
    EXPECT_EQ(added[i].result, AddResult::kCreated);
    EXPECT_EQ(Get(added[i].id).job.payload, absl::StrCat("{\"n\": ", i, "}"));
  }
  EXPECT_EQ(schema_.Query("select sum(jobs) from {schema}.ready"), "248");
}

TEST_F(JobStoreTest, NothingIsWrittenIfOneJobOfManyIsRefused) {
  std::vector<JobSpec> specs(3, {.task_identifier = "task"});
  specs[2].payload = "{\"n\": 1e999999}";  // more digits than jsonb's numbers have
  EXPECT_EQ(jobs_.AddJobs(specs).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.job"), "0");
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.ready"), "0");
}

TEST_F(JobStoreTest, AnIdThatNoJobHasIsNotFound) {
  EXPECT_EQ(jobs_.GetJob(42).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(*jobs_.ListAttempts(42, 10), IsEmpty());
}

TEST_F(JobStoreTest, TheStateOfAJobIsToldInEveryPlace) {
  const JobId ready = Add({{.task_identifier = "t", .priority = 9}})[0].id;
  const JobId scheduled =
      Add({{.task_identifier = "t", .run_at = absl::Now() + absl::Hours(1)}})[0].id;
  const JobId head = Add({{.task_identifier = "t", .queue_name = "q"}})[0].id;
  const JobId behind = Add({{.task_identifier = "t", .queue_name = "q"}})[0].id;
  ASSERT_TRUE(pool_.PromoteDue().ok());
  EXPECT_EQ(Get(ready).state, JobState::kReady);
  EXPECT_EQ(Get(scheduled).state, JobState::kScheduled);
  EXPECT_EQ(Get(head).state, JobState::kReady);
  EXPECT_EQ(Get(behind).state, JobState::kQueuedBehind);

  const ClaimedJob claimed = Claim(1).at(0);
  ASSERT_EQ(claimed.job.id, head);
  EXPECT_EQ(Get(head).state, JobState::kHeld);
  EXPECT_EQ(Get(head).worker_id, "worker-1");
  EXPECT_EQ(Get(head).job.attempt, 1);
  Report(claimed, AttemptOutcome::kCompleted);
  EXPECT_EQ(Get(head).state, JobState::kCompleted);
  EXPECT_TRUE(Get(head).finished_at.has_value());

  Report(Claim(1).at(0), AttemptOutcome::kFailed, true);
  EXPECT_EQ(Get(behind).state, JobState::kExhausted);
  EXPECT_EQ(Get(behind).last_error, "it broke");
  EXPECT_EQ(Get(behind).job.attempt, 1);
  Report(Claim(1).at(0), AttemptOutcome::kCancelled);
  EXPECT_EQ(Get(ready).state, JobState::kCancelled);
}

TEST_F(JobStoreTest, JobsAreListedNewestFirstInPages) {
  std::vector<JobId> ids;
  for (const AddedJob& job : Add(std::vector<JobSpec>(25, {.task_identifier = "t"})))
    ids.push_back(job.id);
  std::reverse(ids.begin(), ids.end());
  std::vector<JobId> listed;
  std::optional<JobId> before;
  int pages = 0;
  do {
    const JobPage page = *jobs_.ListJobs({}, before, 10);
    for (const JobId id : Ids(page)) listed.push_back(id);
    before = page.next_before;
    ++pages;
  } while (before.has_value());
  EXPECT_EQ(listed, ids);
  EXPECT_EQ(pages, 3);
}

TEST_F(JobStoreTest, AListIsFilteredByStateTaskAndQueue) {
  const JobId a = Add({{.task_identifier = "a"}})[0].id;
  const JobId b = Add({{.task_identifier = "b", .queue_name = "q"}})[0].id;
  const JobId later = Add({{.task_identifier = "a", .run_at = absl::Now() + absl::Hours(1)}})[0].id;
  ASSERT_TRUE(pool_.PromoteDue().ok());
  EXPECT_THAT(Ids(*jobs_.ListJobs({.states = {JobState::kReady}}, std::nullopt, 10)),
              ElementsAre(b, a));
  EXPECT_THAT(Ids(*jobs_.ListJobs({.task_identifiers = {"a"}}, std::nullopt, 10)),
              ElementsAre(later, a));
  EXPECT_THAT(Ids(*jobs_.ListJobs({.queue_names = {"q"}}, std::nullopt, 10)), ElementsAre(b));
  EXPECT_THAT(Ids(*jobs_.ListJobs({.states = {JobState::kScheduled}, .task_identifiers = {"b"}},
                                  std::nullopt, 10)),
              IsEmpty());
  Report(Claim(1).at(0), AttemptOutcome::kCompleted);
  EXPECT_THAT(Ids(*jobs_.ListJobs({.states = {JobState::kCompleted}}, std::nullopt, 10)),
              ElementsAre(a));
  EXPECT_THAT(
      Ids(*jobs_.ListJobs({.states = {JobState::kHeld, JobState::kCancelled, JobState::kExhausted}},
                          std::nullopt, 10)),
      IsEmpty());
}

TEST_F(JobStoreTest, AttemptsAreListedNewestFirstWithWhatTheyLeft) {
  const JobId id = Add({{.task_identifier = "t"}})[0].id;
  const ClaimedJob first = Claim(1).at(0);
  AttemptReport partial{.claim_id = first.claim_id,
                        .job_id = id,
                        .attempt = 1,
                        .outcome = AttemptOutcome::kPartialSuccess,
                        .execution_time = absl::Milliseconds(12),
                        .queue_time = absl::Milliseconds(3),
                        .partial_success = PartialSuccess{{"a"}, {"b"}, "b", "{\"rows\": 3}"}};
  ASSERT_TRUE(pool_.Record(worker_, {partial}).ok());
  ASSERT_TRUE(pool_.PromoteDue().ok());
  const ClaimedJob second = Claim(1).at(0);
  EXPECT_EQ(second.job.attempt, 2);
  ASSERT_TRUE(second.last_partial_success.has_value());
  EXPECT_EQ(*second.last_partial_success, *partial.partial_success);
  AttemptReport done{
      .claim_id = second.claim_id, .job_id = id, .attempt = 2, .result = "{\"rows\": 5}"};
  ASSERT_TRUE(pool_.Record(worker_, {done}).ok());
  const auto attempts = *jobs_.ListAttempts(id, 10);
  ASSERT_EQ(attempts.size(), 2u);
  EXPECT_EQ(attempts[0].outcome, AttemptOutcome::kCompleted);
  EXPECT_EQ(attempts[0].result, "{\"rows\": 5}");
  EXPECT_EQ(attempts[1].outcome, AttemptOutcome::kPartialSuccess);
  EXPECT_EQ(attempts[1].worker_id, "worker-1");
  EXPECT_EQ(attempts[1].execution_time, absl::Milliseconds(12));
  EXPECT_EQ(attempts[1].queue_time, absl::Milliseconds(3));
  EXPECT_EQ(*attempts[1].partial_success, *partial.partial_success);
}

TEST_F(JobStoreTest, AnErrorIsKeptUpToItsLimits) {
  const JobId id = Add({{.task_identifier = "t"}})[0].id;
  const ClaimedJob claimed = Claim(1).at(0);
  AttemptReport failed{.claim_id = claimed.claim_id,
                       .job_id = id,
                       .attempt = 1,
                       .outcome = AttemptOutcome::kFailed,
                       .error_message = std::string(8 * 1024, 'm') + "more",
                       .error_detail = std::string(64 * 1024, 'd') + "more"};
  ASSERT_TRUE(pool_.Record(worker_, {failed}).ok());
  EXPECT_EQ(Get(id).last_error, std::string(8 * 1024, 'm'));
  const auto attempts = *jobs_.ListAttempts(id, 10);
  ASSERT_EQ(attempts.size(), 1u);
  EXPECT_EQ(attempts[0].error_message, std::string(8 * 1024, 'm'));
  EXPECT_EQ(attempts[0].error_detail, std::string(64 * 1024, 'd'));
}

TEST_F(JobStoreTest, AnExhaustedJobShowsItsLastAttemptAndTheLastErrorOfAny) {
  const JobId id = Add({{.task_identifier = "t", .max_attempts = 2}})[0].id;
  AttemptReport failed{.claim_id = Claim(1).at(0).claim_id,
                       .job_id = id,
                       .attempt = 1,
                       .outcome = AttemptOutcome::kFailed,
                       .error_message = "no"};
  ASSERT_TRUE(pool_.Record(worker_, {failed}).ok());
  ASSERT_TRUE(pool_.PromoteDue().ok());
  AttemptReport partial{.claim_id = Claim(1).at(0).claim_id,
                        .job_id = id,
                        .attempt = 2,
                        .outcome = AttemptOutcome::kPartialSuccess,
                        .exhausted = true,
                        .partial_success = PartialSuccess{{"a"}, {"b"}, "b", "{}"}};
  ASSERT_TRUE(pool_.Record(worker_, {partial}).ok());
  const JobDetails job = Get(id);
  EXPECT_EQ(job.state, JobState::kExhausted);
  EXPECT_EQ(job.job.attempt, 2);
  EXPECT_EQ(job.last_error, "no");
}

TEST_F(JobStoreTest, AJobThatHasHistoryGetsASuccessorWhenItsKeyIsTaken) {
  const JobId first = Add({{.task_identifier = "t", .job_key = "k"}})[0].id;
  AttemptReport failed{.claim_id = Claim(1).at(0).claim_id,
                       .job_id = first,
                       .attempt = 1,
                       .outcome = AttemptOutcome::kFailed,
                       .delay = absl::Hours(1),
                       .error_message = "no"};
  ASSERT_TRUE(pool_.Record(worker_, {failed}).ok());
  const AddedJob second = Add({{.task_identifier = "t", .job_key = "k"}})[0];
  EXPECT_NE(second.id, first);
  EXPECT_EQ(second.result, AddResult::kUpdated);
  EXPECT_EQ(Get(first).state, JobState::kCancelled);
  EXPECT_EQ(Get(second.id).state, JobState::kReady);
  EXPECT_EQ(jobs_.ListAttempts(first, 10)->at(0).error_message, "superseded");
}

}  // namespace
}  // namespace millrace
