#include <chrono>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rpc/rpc_fixture.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

v1::AddJobRequest AddRequest(const std::string& task = "send_email") {
  v1::AddJobRequest request;
  request.mutable_job()->set_task_identifier(task);
  return request;
}

JobDetails Details(JobId id, const std::string& payload = "{}") {
  JobDetails details;
  details.job.id = id;
  details.job.task_identifier = "t";
  details.job.payload = payload;
  details.job.run_at = details.job.created_at = absl::FromUnixSeconds(1);
  return details;
}

class JobQueueServiceTest : public RpcFixture {
 protected:
  grpc::Status Add(const v1::AddJobRequest& request, v1::AddJobResponse* response = nullptr) {
    v1::AddJobResponse ignored;
    return jobs().AddJob(NewContext().get(), request, response != nullptr ? response : &ignored);
  }
  grpc::Status AddMany(const v1::AddJobsRequest& request, v1::AddJobsResponse* response = nullptr) {
    v1::AddJobsResponse ignored;
    return jobs().AddJobs(NewContext().get(), request, response != nullptr ? response : &ignored);
  }
  grpc::Status Get(int64_t id, v1::GetJobResponse* response) {
    v1::GetJobRequest request;
    request.set_id(id);
    return jobs().GetJob(NewContext().get(), request, response);
  }
  grpc::Status List(const v1::ListJobsRequest& request, v1::ListJobsResponse* response) {
    return jobs().ListJobs(NewContext().get(), request, response);
  }
  std::string ListFault(const v1::ListJobsRequest& request) {
    v1::ListJobsResponse response;
    return ToText(List(request, &response));
  }
};

TEST_F(JobQueueServiceTest, AddJobReturnsTheWholeJobAsItNowStands) {
  v1::AddJobRequest request = AddRequest();
  v1::JobSpec& spec = *request.mutable_job();
  spec.set_payload("{\"to\": \"a\"}");
  spec.set_queue_name("mail");
  spec.mutable_run_at()->set_seconds(4'000'000'000);
  spec.set_priority(-32768);
  spec.set_max_attempts(32767);
  spec.set_job_key("key");
  spec.set_job_key_mode(v1::JOB_KEY_MODE_PRESERVE_RUN_AT);
  spec.add_flags("slow");
  spec.set_correlation_id("order 7");
  spec.set_metadata("{\"m\": 1}");
  v1::AddJobResponse response;
  ASSERT_EQ(ToText(Add(request, &response)), "OK");
  EXPECT_EQ(response.result(), v1::ADD_RESULT_CREATED);
  const v1::Job& job = response.job();
  EXPECT_EQ(job.id(), 1);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SCHEDULED);
  EXPECT_EQ(job.task_identifier(), "send_email");
  EXPECT_EQ(job.payload(), "{\"to\": \"a\"}");
  EXPECT_EQ(job.queue_name(), "mail");
  EXPECT_EQ(job.run_at().seconds(), 4'000'000'000);
  EXPECT_EQ(job.priority(), -32768);
  EXPECT_EQ(job.max_attempts(), 32767);
  EXPECT_EQ(job.job_key(), "key");
  EXPECT_THAT(job.flags(), ElementsAre("slow"));
  EXPECT_EQ(job.correlation_id(), "order 7");
  EXPECT_EQ(job.metadata(), "{\"m\": 1}");
  ASSERT_THAT(store_.added(), SizeIs(1));
  EXPECT_EQ(store_.added()[0].job_key_mode, JobKeyMode::kPreserveRunAt);
}

TEST_F(JobQueueServiceTest, AddJobFillsInTheDefaults) {
  v1::AddJobResponse response;
  ASSERT_EQ(ToText(Add(AddRequest(), &response)), "OK");
  EXPECT_EQ(response.job().payload(), "{}");
  EXPECT_EQ(response.job().max_attempts(), 25);
  EXPECT_EQ(response.job().priority(), 0);
  EXPECT_EQ(response.job().state(), v1::JOB_STATE_READY);
  EXPECT_FALSE(store_.added()[0].job_key_mode.has_value());
}

TEST_F(JobQueueServiceTest, AddJobSaysWhatBecameOfAKey) {
  v1::AddJobRequest request = AddRequest();
  request.mutable_job()->set_job_key("key");
  v1::AddJobResponse response;
  ASSERT_EQ(ToText(Add(request, &response)), "OK");
  ASSERT_EQ(ToText(Add(request, &response)), "OK");
  EXPECT_EQ(response.result(), v1::ADD_RESULT_UPDATED);
  request.mutable_job()->set_job_key_mode(v1::JOB_KEY_MODE_UNSAFE_DEDUPE);
  ASSERT_EQ(ToText(Add(request, &response)), "OK");
  EXPECT_EQ(response.result(), v1::ADD_RESULT_EXISTING);
}

TEST_F(JobQueueServiceTest, AJobThatWasAddedButCannotBeReadBackIsNoError) {
  store_.FailReads(absl::UnavailableError("the database is away"));
  v1::AddJobRequest request = AddRequest();
  request.mutable_job()->set_priority(3);
  v1::AddJobResponse response;
  ASSERT_EQ(ToText(Add(request, &response)), "OK");
  EXPECT_EQ(response.result(), v1::ADD_RESULT_CREATED);
  EXPECT_EQ(response.job().id(), 1);
  EXPECT_EQ(response.job().priority(), 3);
  EXPECT_EQ(response.job().state(), v1::JOB_STATE_UNSPECIFIED);
}

TEST_F(JobQueueServiceTest, AddingAJobThatIsDueWakesThePool) {
  ASSERT_TRUE(Add(AddRequest()).ok());
  EXPECT_EQ(pool_.wakes(), 1);
}

TEST_F(JobQueueServiceTest, AddingAJobForLaterDoesNotWakeThePool) {
  v1::AddJobRequest request = AddRequest();
  request.mutable_job()->mutable_run_at()->set_seconds(4'000'000'000);
  ASSERT_TRUE(Add(request).ok());
  EXPECT_EQ(pool_.wakes(), 0);
}

// One way to spoil a spec, and how the fault begins, after the path of the spec.
struct BadSpec {
  const char* name;
  std::function<void(v1::JobSpec&)> spoil;
  const char* fault;
};

// In the name that a failing test is reported with.
void PrintTo(const BadSpec& spec, std::ostream* out) { *out << spec.name; }

std::vector<BadSpec> BadSpecs() {
  constexpr int64_t kYear300000 = 9'404'000'000'000;
  return {
      {"EmptyTask", [](auto& s) { s.set_task_identifier(""); }, ".task_identifier: "},
      {"MegabyteTask", [](auto& s) { s.set_task_identifier(std::string(1 << 20, 't')); },
       ".task_identifier: "},
      {"ControlCharacterInTask", [](auto& s) { s.set_task_identifier("a\nb"); },
       ".task_identifier: "},
      {"PayloadNotJson", [](auto& s) { s.set_payload("{"); }, ".payload: "},
      {"PayloadArray", [](auto& s) { s.set_payload("[]"); }, ".payload: "},
      {"PayloadWithNul", [](auto& s) { s.set_payload("{\"a\": \"\\u0000\"}"); }, ".payload: "},
      {"PayloadTooLarge",
       [](auto& s) { s.set_payload("{\"a\": \"" + std::string(1 << 20, 'x') + "\"}"); },
       ".payload: "},
      {"LongQueueName", [](auto& s) { s.set_queue_name(std::string(129, 'q')); }, ".queue_name: "},
      {"RunAtInTheYear300000", [](auto& s) { s.mutable_run_at()->set_seconds(kYear300000); },
       ".run_at: must be from the year 1970 to the year 2200"},
      {"RunAtInTheYear2201", [](auto& s) { s.mutable_run_at()->set_seconds(7'289'654'400); },
       ".run_at: must be from the year 1970 to the year 2200"},
      {"RunAtBefore1970", [](auto& s) { s.mutable_run_at()->set_seconds(-1); },
       ".run_at: must be from the year 1970 to the year 2200"},
      {"RunAtAtTheEndOfNumbers",
       [](auto& s) { s.mutable_run_at()->set_seconds(std::numeric_limits<int64_t>::min()); },
       ".run_at: must be from the year 1970 to the year 2200"},
      {"RunAtWithBadNanos", [](auto& s) { s.mutable_run_at()->set_nanos(-1); }, ".run_at: "},
      {"PriorityTooLarge", [](auto& s) { s.set_priority(32768); }, ".priority: "},
      {"NoAttempts", [](auto& s) { s.set_max_attempts(0); }, ".max_attempts: "},
      {"AttemptsTooMany", [](auto& s) { s.set_max_attempts(32768); }, ".max_attempts: "},
      {"LongKey", [](auto& s) { s.set_job_key(std::string(129, 'k')); }, ".job_key: "},
      {"UnknownKeyMode",
       [](auto& s) {
         s.set_job_key("k");
         s.set_job_key_mode(static_cast<v1::JobKeyMode>(17));
       },
       ".job_key_mode: "},
      {"KeyModeWithoutKey", [](auto& s) { s.set_job_key_mode(v1::JOB_KEY_MODE_REPLACE); },
       ".job_key_mode: "},
      {"EmptyFlag", [](auto& s) { s.add_flags(""); }, ".flags[0]: "},
      {"LongFlag", [](auto& s) { s.add_flags(std::string(65, 'f')); }, ".flags[0]: "},
      {"TooManyFlags",
       [](auto& s) {
         for (int i = 0; i < 33; ++i) s.add_flags("f" + std::to_string(i));
       },
       ".flags: "},
      {"LongCorrelationId", [](auto& s) { s.set_correlation_id(std::string(129, 'c')); },
       ".correlation_id: "},
      {"MetadataNotJson", [](auto& s) { s.set_metadata("x"); }, ".metadata: "},
      {"MetadataTooLarge",
       [](auto& s) { s.set_metadata("{\"a\": \"" + std::string(16384, 'x') + "\"}"); },
       ".metadata: "},
  };
}

class BadSpecTest : public JobQueueServiceTest, public testing::WithParamInterface<BadSpec> {};

TEST_P(BadSpecTest, AddJobNamesTheFieldAndWritesNothing) {
  v1::AddJobRequest request = AddRequest();
  GetParam().spoil(*request.mutable_job());
  EXPECT_THAT(ToText(Add(request)),
              StartsWith(std::string("INVALID_ARGUMENT: job") + GetParam().fault));
  EXPECT_THAT(store_.added(), IsEmpty());
}

TEST_P(BadSpecTest, AddJobsNamesTheSpecAndTheFieldAndWritesNothing) {
  v1::AddJobsRequest request;
  for (int i = 0; i < 3; ++i) request.add_jobs()->set_task_identifier("t");
  GetParam().spoil(*request.mutable_jobs(2));
  EXPECT_THAT(ToText(AddMany(request)),
              StartsWith(std::string("INVALID_ARGUMENT: jobs[2]") + GetParam().fault));
  EXPECT_THAT(store_.added(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Fields, BadSpecTest, testing::ValuesIn(BadSpecs()),
                         [](const auto& param) { return std::string(param.param.name); });

TEST_F(JobQueueServiceTest, AddJobWithoutAJobIsRefused) {
  EXPECT_EQ(ToText(Add({})), "INVALID_ARGUMENT: job: must be set");
}

TEST_F(JobQueueServiceTest, APayloadMayBeLargerIfTheLimitIsASetting) {
  RpcServerOptions options;
  options.limits.payload_bytes = 2 << 20;
  StartServer(options);
  v1::AddJobRequest request = AddRequest();
  request.mutable_job()->set_payload("{\"a\": \"" + std::string(1 << 20, 'x') + "\"}");
  EXPECT_EQ(ToText(Add(request)), "OK");
}

TEST_F(JobQueueServiceTest, AJobWithoutANumberOfAttemptsGetsTheServersSetting) {
  RpcServerOptions options;
  options.default_max_attempts = 3;
  StartServer(options);
  v1::AddJobResponse response;
  ASSERT_EQ(ToText(Add(AddRequest(), &response)), "OK");
  EXPECT_EQ(response.job().max_attempts(), 3);
  v1::AddJobRequest request = AddRequest();
  request.mutable_job()->set_max_attempts(7);
  ASSERT_EQ(ToText(Add(request, &response)), "OK");
  EXPECT_EQ(response.job().max_attempts(), 7);
}

TEST_F(JobQueueServiceTest, AddJobsAnswersForEachSpecInOrder) {
  v1::AddJobsRequest request;
  for (int i = 0; i < 10'000; ++i) request.add_jobs()->set_task_identifier("t");
  v1::AddJobsResponse response;
  ASSERT_EQ(ToText(AddMany(request, &response)), "OK");
  ASSERT_EQ(response.jobs_size(), 10'000);
  EXPECT_EQ(response.jobs(0).id(), 1);
  EXPECT_EQ(response.jobs(9'999).id(), 10'000);
  EXPECT_EQ(response.jobs(9'999).result(), v1::ADD_RESULT_CREATED);
  EXPECT_EQ(pool_.wakes(), 1);
}

TEST_F(JobQueueServiceTest, AddJobsRefusesNoneAndTooMany) {
  EXPECT_THAT(ToText(AddMany({})), StartsWith("INVALID_ARGUMENT: jobs: "));
  v1::AddJobsRequest request;
  for (int i = 0; i < 10'001; ++i) request.add_jobs()->set_task_identifier("t");
  EXPECT_THAT(ToText(AddMany(request)), StartsWith("INVALID_ARGUMENT: jobs: at most 10000"));
  EXPECT_THAT(store_.added(), IsEmpty());
}

TEST_F(JobQueueServiceTest, AddJobsRefusesAKeyTwice) {
  v1::AddJobsRequest request;
  for (int i = 0; i < 2; ++i) {
    request.add_jobs()->set_task_identifier("t");
    request.mutable_jobs(i)->set_job_key("k");
  }
  EXPECT_THAT(ToText(AddMany(request)), StartsWith("INVALID_ARGUMENT: jobs[1].job_key: "));
}

TEST_F(JobQueueServiceTest, ErrorsOfTheStoreKeepTheirCodeAndMessage) {
  for (const absl::Status& status :
       {absl::UnavailableError("the database is away"), absl::AbortedError("conflict"),
        absl::InvalidArgumentError("jobs[0].payload: a number beyond jsonb"),
        absl::InternalError("broken")}) {
    store_.FailAdds(status);
    store_.FailReads(status);
    v1::GetJobResponse get;
    EXPECT_EQ(ToText(Add(AddRequest())), status.ToString());
    EXPECT_EQ(ToText(Get(1, &get)), status.ToString());
    EXPECT_EQ(ListFault({}), status.ToString());
  }
}

TEST_F(JobQueueServiceTest, TheStoreLearnsHowLongTheCallerWaits) {
  // Contexts of these tests end after a minute, which gRPC may round up.
  const absl::Duration most = absl::Seconds(65);
  ASSERT_TRUE(Add(AddRequest()).ok());
  EXPECT_GT(store_.last_time_left(), absl::Seconds(1));
  EXPECT_LE(store_.last_time_left(), most);
  v1::GetJobResponse got;
  ASSERT_TRUE(Get(1, &got).ok());
  EXPECT_LE(store_.last_time_left(), most);
  v1::ListJobsResponse listed;
  ASSERT_TRUE(List({}, &listed).ok());
  EXPECT_LE(store_.last_time_left(), most);
  v1::CancelJobsRequest cancel;
  cancel.add_ids(1);
  v1::CancelJobsResponse cancelled;
  ASSERT_TRUE(jobs().CancelJobs(NewContext().get(), cancel, &cancelled).ok());
  EXPECT_LE(store_.last_time_left(), most);
}

TEST_F(JobQueueServiceTest, ACallerWithoutADeadlineWaitsForEver) {
  grpc::ClientContext context;
  v1::AddJobResponse response;
  ASSERT_TRUE(jobs().AddJob(&context, AddRequest(), &response).ok());
  EXPECT_EQ(store_.last_time_left(), absl::InfiniteDuration());
}

TEST_F(JobQueueServiceTest, NothingIsAddedForACallerThatHasGoneMeanwhile) {
  store_.HoldAdds();
  const auto context = NewContext();
  std::thread caller([&] {
    v1::AddJobResponse response;
    EXPECT_EQ(jobs().AddJob(context.get(), AddRequest(), &response).error_code(),
              grpc::StatusCode::CANCELLED);
  });
  store_.AwaitHeldAdds(1);
  context->TryCancel();
  caller.join();
  store_.AwaitNoHeldAdds();
  EXPECT_THAT(store_.added(), IsEmpty());
}

TEST_F(JobQueueServiceTest, NothingIsAddedForACallerWhoseDeadlineHasPassedMeanwhile) {
  store_.HoldAdds();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(500));
  v1::AddJobResponse response;
  EXPECT_EQ(jobs().AddJob(&context, AddRequest(), &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  store_.AwaitNoHeldAdds();
  EXPECT_THAT(store_.added(), IsEmpty());
}

TEST_F(JobQueueServiceTest, GetJobReturnsTheJobAndItsAttempts) {
  Attempt newest;
  newest.attempt = 2;
  newest.outcome = AttemptOutcome::kFailed;
  newest.error_message = "no route";
  Attempt oldest;
  oldest.attempt = 1;
  JobDetails details = Details(5);
  details.state = JobState::kExhausted;
  store_.Put(details, {newest, oldest});
  v1::GetJobResponse response;
  ASSERT_EQ(ToText(Get(5, &response)), "OK");
  EXPECT_EQ(response.job().state(), v1::JOB_STATE_EXHAUSTED);
  ASSERT_EQ(response.attempts_size(), 2);
  EXPECT_EQ(response.attempts(0).attempt(), 2);
  EXPECT_EQ(response.attempts(0).outcome(), v1::ATTEMPT_OUTCOME_FAILED);
  EXPECT_EQ(response.attempts(0).error_message(), "no route");
}

TEST_F(JobQueueServiceTest, GetJobLeavesOutAttemptsThatNoClientCouldTake) {
  Attempt large;
  large.error_detail = std::string(1 << 20, 'x');
  store_.Put(Details(5), std::vector<Attempt>(10, large));
  v1::GetJobResponse response;
  ASSERT_EQ(ToText(Get(5, &response)), "OK");
  EXPECT_EQ(response.attempts_size(), 2);
}

TEST_F(JobQueueServiceTest, GetJobOfAnUnknownIdIsNotFound) {
  v1::GetJobResponse response;
  EXPECT_THAT(ToText(Get(77, &response)), StartsWith("NOT_FOUND: "));
}

TEST_F(JobQueueServiceTest, GetJobRefusesIdsThatNoJobCanHave) {
  for (const int64_t id : {int64_t{0}, int64_t{-1}, int64_t{1} << 53}) {
    v1::GetJobResponse response;
    EXPECT_THAT(ToText(Get(id, &response)), StartsWith("INVALID_ARGUMENT: id: "));
  }
}

TEST_F(JobQueueServiceTest, ListJobsGoesThroughAllPagesNewestFirst) {
  for (JobId id = 1; id <= 25; ++id) store_.Put(Details(id));
  v1::ListJobsRequest request;
  request.set_page_size(10);
  std::vector<int64_t> ids;
  std::vector<int> sizes;
  do {
    v1::ListJobsResponse response;
    ASSERT_EQ(ToText(List(request, &response)), "OK");
    sizes.push_back(response.jobs_size());
    for (const v1::Job& job : response.jobs()) ids.push_back(job.id());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(sizes, ElementsAre(10, 10, 5));
  ASSERT_THAT(ids, SizeIs(25));
  for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], 25 - static_cast<int64_t>(i));
}

TEST_F(JobQueueServiceTest, ListJobsReturnsOneHundredUnlessToldOtherwise) {
  for (JobId id = 1; id <= 150; ++id) store_.Put(Details(id));
  v1::ListJobsResponse response;
  ASSERT_EQ(ToText(List({}, &response)), "OK");
  EXPECT_EQ(response.jobs_size(), 100);
  EXPECT_FALSE(response.next_page_token().empty());
}

TEST_F(JobQueueServiceTest, ListJobsAppliesItsFilter) {
  store_.Put(Details(1));
  JobDetails held = Details(2);
  held.state = JobState::kHeld;
  held.job.task_identifier = "u";
  held.job.queue_name = "q";
  store_.Put(held);
  v1::ListJobsRequest by_state;
  by_state.add_states(v1::JOB_STATE_HELD);
  by_state.add_states(v1::JOB_STATE_COMPLETED);
  v1::ListJobsRequest by_task;
  by_task.add_task_identifiers("u");
  v1::ListJobsRequest by_queue;
  by_queue.add_queue_names("q");
  for (const v1::ListJobsRequest& request : {by_state, by_task, by_queue}) {
    v1::ListJobsResponse response;
    ASSERT_EQ(ToText(List(request, &response)), "OK");
    ASSERT_EQ(response.jobs_size(), 1);
    EXPECT_EQ(response.jobs(0).id(), 2);
  }
}

TEST_F(JobQueueServiceTest, APageOfLargeJobsEndsEarlyAndLosesNone) {
  const std::string payload = "{\"a\": \"" + std::string(1'000'000, 'x') + "\"}";
  for (JobId id = 1; id <= 30; ++id) store_.Put(Details(id, payload));
  v1::ListJobsRequest request;
  request.set_page_size(1000);
  std::vector<int64_t> ids;
  do {
    v1::ListJobsResponse response;
    ASSERT_EQ(ToText(List(request, &response)), "OK");
    EXPECT_LT(response.ByteSizeLong(), 4u << 20);
    for (const v1::Job& job : response.jobs()) ids.push_back(job.id());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  ASSERT_THAT(ids, SizeIs(30));
  EXPECT_EQ(ids.back(), 1);
  // The server does not hold in memory what it cannot send.
  EXPECT_LE(store_.largest_limit(), 10);
}

TEST_F(JobQueueServiceTest, AJobLargerThanAPageIsAPageOfItsOwn) {
  const std::string payload = "{\"a\": \"" + std::string(3'500'000, 'x') + "\"}";
  store_.Put(Details(1, payload));
  store_.Put(Details(2, payload));
  v1::ListJobsResponse response;
  ASSERT_EQ(ToText(List({}, &response)), "OK");
  EXPECT_EQ(response.jobs_size(), 1);
  v1::ListJobsRequest request;
  request.set_page_token(response.next_page_token());
  ASSERT_EQ(ToText(List(request, &response)), "OK");
  ASSERT_EQ(response.jobs_size(), 1);
  EXPECT_EQ(response.jobs(0).id(), 1);
  EXPECT_EQ(response.next_page_token(), "");
}

TEST_F(JobQueueServiceTest, ListJobsRefusesBadFields) {
  v1::ListJobsRequest state;
  state.add_states(v1::JOB_STATE_READY);
  state.add_states(static_cast<v1::JobState>(99));
  EXPECT_THAT(ListFault(state), StartsWith("INVALID_ARGUMENT: states[1]: "));
  v1::ListJobsRequest unspecified;
  unspecified.add_states(v1::JOB_STATE_UNSPECIFIED);
  EXPECT_THAT(ListFault(unspecified), StartsWith("INVALID_ARGUMENT: states[0]: "));
  v1::ListJobsRequest task;
  task.add_task_identifiers(std::string(1 << 20, 't'));
  EXPECT_THAT(ListFault(task), StartsWith("INVALID_ARGUMENT: task_identifiers[0]: "));
  v1::ListJobsRequest queue;
  queue.add_queue_names("");
  EXPECT_THAT(ListFault(queue), StartsWith("INVALID_ARGUMENT: queue_names[0]: "));
  v1::ListJobsRequest token;
  token.set_page_token("somewhere");
  EXPECT_THAT(ListFault(token), StartsWith("INVALID_ARGUMENT: page_token: "));
  for (const int size : {-1, 1001, std::numeric_limits<int>::min()}) {
    v1::ListJobsRequest page;
    page.set_page_size(size);
    EXPECT_THAT(ListFault(page), StartsWith("INVALID_ARGUMENT: page_size: "));
  }
}

TEST_F(JobQueueServiceTest, AnEmptyRequestOfEachCallIsNoSurprise) {
  v1::GetJobResponse response;
  EXPECT_THAT(ToText(Get(0, &response)), StartsWith("INVALID_ARGUMENT: id: "));
  EXPECT_EQ(ListFault({}), "OK");
}

}  // namespace
}  // namespace millrace
