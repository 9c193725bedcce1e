#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "client/library/connection.h"
#include "client/library/job_listing.h"
#include "client/library/job_queue_client.h"
#include "client/library/worker_pool_client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/client_fixture.h"

namespace millrace::client {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class ClientsTest : public ClientFixture {};

TEST_F(ClientsTest, AddJobSendsEveryFieldAndReturnsTheWholeJob) {
  v1::AddJobRequest got;
  server_.queue.on_add_job = [&got](const v1::AddJobRequest& request,
                                    v1::AddJobResponse* response) {
    got = request;
    *response->mutable_job() = WireJob(42, "send_email");
    response->mutable_job()->set_state(v1::JOB_STATE_SCHEDULED);
    response->set_result(v1::ADD_RESULT_UPDATED);
    return grpc::Status::OK;
  };
  server_.Start();
  JobSpec spec;
  spec.task_identifier = "send_email";
  spec.payload = R"({"to": "a"})";
  spec.queue_name = "mail";
  spec.run_at = absl::FromUnixNanos(-1);
  spec.priority = -3;
  spec.max_attempts = 7;
  spec.job_key = "key";
  spec.job_key_mode = JobKeyMode::kPreserveRunAt;
  spec.flags = {"x", "y"};
  spec.correlation_id = "c";
  spec.metadata = "{}";
  const absl::StatusOr<AddedJobDetails> added = JobQueueClient(Connect()).AddJob(spec);
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(added->result, AddResult::kUpdated);
  EXPECT_TRUE(added->complete);
  EXPECT_EQ(added->job.job.id, 42);
  EXPECT_EQ(added->job.state, JobState::kScheduled);
  const v1::JobSpec& sent = got.job();
  EXPECT_EQ(sent.payload(), R"({"to": "a"})");
  EXPECT_EQ(sent.queue_name(), "mail");
  EXPECT_EQ(sent.run_at().seconds(), -1);
  EXPECT_EQ(sent.run_at().nanos(), 999'999'999);
  EXPECT_EQ(sent.priority(), -3);
  EXPECT_EQ(sent.max_attempts(), 7);
  EXPECT_EQ(sent.job_key(), "key");
  EXPECT_EQ(sent.job_key_mode(), v1::JOB_KEY_MODE_PRESERVE_RUN_AT);
  EXPECT_THAT(sent.flags(), ElementsAre("x", "y"));
  EXPECT_EQ(sent.correlation_id(), "c");
  EXPECT_EQ(sent.metadata(), "{}");
}

TEST_F(ClientsTest, AddJobSaysIfTheJobCouldNotBeReadAgain) {
  server_.queue.on_add_job = [](const v1::AddJobRequest&, v1::AddJobResponse* response) {
    response->mutable_job()->set_id(42);
    response->set_result(v1::ADD_RESULT_CREATED);
    return grpc::Status::OK;
  };
  server_.Start();
  const absl::StatusOr<AddedJobDetails> added = JobQueueClient(Connect()).AddJob(JobSpec());
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_FALSE(added->complete);
  EXPECT_EQ(added->job.job.id, 42);
}

TEST_F(ClientsTest, ErrorsKeepTheCodeAndTheMessageOfTheServer) {
  server_.queue.on_get_job = [](const v1::GetJobRequest&, v1::GetJobResponse*) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "no job has the id 7");
  };
  server_.Start();
  EXPECT_EQ(JobQueueClient(Connect()).GetJob(7).status(),
            absl::NotFoundError("no job has the id 7"));
}

TEST_F(ClientsTest, AddJobsFailsIfTheServerAnswersForTooFew) {
  server_.queue.on_add_jobs = [](const v1::AddJobsRequest&, v1::AddJobsResponse*) {
    return grpc::Status::OK;
  };
  server_.Start();
  EXPECT_TRUE(absl::IsInternal(JobQueueClient(Connect()).AddJobs({JobSpec()}).status()));
}

TEST_F(ClientsTest, GetJobReturnsTheAttempts) {
  server_.queue.on_get_job = [](const v1::GetJobRequest& request, v1::GetJobResponse* response) {
    *response->mutable_job() = WireJob(request.id(), "t");
    v1::Attempt& attempt = *response->add_attempts();
    attempt.set_attempt(1);
    attempt.set_outcome(v1::ATTEMPT_OUTCOME_PARTIAL_SUCCESS);
    attempt.mutable_execution_time()->set_nanos(5'000'000);
    attempt.mutable_partial_success()->add_completed_steps("read");
    attempt.mutable_partial_success()->set_retry_from_step("write");
    return grpc::Status::OK;
  };
  server_.Start();
  const absl::StatusOr<JobWithAttempts> job = JobQueueClient(Connect()).GetJob(7);
  ASSERT_TRUE(job.ok()) << job.status();
  ASSERT_EQ(job->attempts.size(), 1U);
  EXPECT_EQ(job->attempts[0].outcome, AttemptOutcome::kPartialSuccess);
  EXPECT_EQ(job->attempts[0].execution_time, absl::Milliseconds(5));
  EXPECT_EQ(job->attempts[0].partial_success, (PartialSuccess{{"read"}, {}, "write", ""}));
}

TEST_F(ClientsTest, AnEnumValueOfALaterServerIsAnErrorThatSaysSo) {
  server_.queue.on_get_job = [](const v1::GetJobRequest&, v1::GetJobResponse* response) {
    *response->mutable_job() = WireJob(1, "t");
    response->mutable_job()->set_state(static_cast<v1::JobState>(99));
    return grpc::Status::OK;
  };
  server_.Start();
  const absl::Status status = JobQueueClient(Connect()).GetJob(1).status();
  EXPECT_TRUE(absl::IsUnimplemented(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("job state number 99"));
}

TEST_F(ClientsTest, AListingWalksOverAllPagesAlsoEmptyOnes) {
  std::vector<std::string> tokens;
  server_.queue.on_list_jobs = [&tokens](const v1::ListJobsRequest& request,
                                         v1::ListJobsResponse* response) {
    tokens.push_back(request.page_token());
    EXPECT_EQ(request.states_size(), 1);
    EXPECT_EQ(request.page_size(), 2);
    if (tokens.size() == 1) {
      *response->add_jobs() = WireJob(3, "t");
      *response->add_jobs() = WireJob(2, "t");
    } else if (tokens.size() == 3) {
      *response->add_jobs() = WireJob(1, "t");
    }
    if (tokens.size() < 3) response->set_next_page_token("page" + std::to_string(tokens.size()));
    return grpc::Status::OK;
  };
  server_.Start();
  JobQueueClient queue(Connect());
  JobListing listing(queue, {.states = {JobState::kHeld}}, 2);
  std::vector<JobId> ids;
  for (auto job = listing.Next(); job.ok() && job->has_value(); job = listing.Next()) {
    ids.push_back((*job)->job.id);
  }
  EXPECT_THAT(ids, ElementsAre(3, 2, 1));
  EXPECT_THAT(tokens, ElementsAre("", "page1", "page2"));
}

TEST_F(ClientsTest, ReadsAreRepeatedWhileTheServerIsUnavailable) {
  std::atomic<int> calls = 0;
  server_.pool.on_worker_id = [&calls](v1::WorkerIdResponse* response) {
    if (++calls < 3) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the database is away");
    response->set_worker_id("w1");
    return grpc::Status::OK;
  };
  server_.Start();
  EXPECT_EQ(*WorkerPoolClient(Connect()).WorkerId(), "w1");
  EXPECT_EQ(calls, 3);
}

TEST_F(ClientsTest, ReadsAreGivenUpAfterTheAttempts) {
  std::atomic<int> calls = 0;
  server_.pool.on_stats = [&calls](v1::StatsResponse*) {
    ++calls;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the database is away");
  };
  server_.Start();
  EXPECT_EQ(WorkerPoolClient(Connect({.read_attempts = 2})).Stats().status(),
            absl::UnavailableError("the database is away"));
  EXPECT_EQ(calls, 2);
}

TEST_F(ClientsTest, ChangesAreRepeatedUnderTheirRequestIdWhileTheServerIsUnavailable) {
  std::vector<std::string> ids;
  server_.queue.on_add_job = [&ids](const v1::AddJobRequest& request,
                                    v1::AddJobResponse* response) {
    ids.push_back(request.request_id());
    if (ids.size() < 3) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "no answer");
    *response->mutable_job() = WireJob(42, "t");
    response->set_result(v1::ADD_RESULT_CREATED);
    return grpc::Status::OK;
  };
  server_.Start();
  JobQueueClient queue(Connect());
  EXPECT_EQ(queue.AddJob({.task_identifier = "t"})->job.job.id, 42);
  ASSERT_EQ(ids.size(), 3U);
  EXPECT_FALSE(ids[0].empty());
  EXPECT_THAT(ids, Each(ids[0]));
  ASSERT_TRUE(queue.AddJob({.task_identifier = "t"}).ok());
  EXPECT_NE(ids[3], ids[0]);
}

TEST_F(ClientsTest, ChangesAreGivenUpAfterTheAttempts) {
  std::atomic<int> calls = 0;
  server_.queue.on_add_job = [&calls](const v1::AddJobRequest&, v1::AddJobResponse*) {
    ++calls;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down");
  };
  server_.Start();
  JobQueueClient queue(Connect({.change_attempts = 2}));
  EXPECT_TRUE(absl::IsUnavailable(queue.AddJob({.task_identifier = "t"}).status()));
  EXPECT_EQ(calls, 2);
}

TEST_F(ClientsTest, ChangesThatWereRefusedAreNotRepeated) {
  std::atomic<int> calls = 0;
  server_.pool.on_start = [&calls](v1::StartResponse*) {
    ++calls;
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "already running");
  };
  server_.Start();
  EXPECT_TRUE(absl::IsFailedPrecondition(WorkerPoolClient(Connect()).Start().status()));
  EXPECT_EQ(calls, 1);
}

TEST_F(ClientsTest, ChangesAreNotRepeatedBeyondTheDeadline) {
  std::atomic<int> calls = 0;
  server_.pool.on_start = [&calls](v1::StartResponse*) {
    ++calls;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down");
  };
  server_.Start();
  ClientOptions options;
  options.deadline = absl::Milliseconds(90);
  options.change_attempts = 5;
  EXPECT_TRUE(absl::IsUnavailable(WorkerPoolClient(Connect(options)).Start().status()));
  EXPECT_EQ(calls, 1);
}

TEST_F(ClientsTest, EveryChangeHasARequestId) {
  std::vector<std::string> ids;
  server_.queue.on_add_jobs = [&ids](const v1::AddJobsRequest& request, v1::AddJobsResponse*) {
    ids.push_back(request.request_id());
    return grpc::Status::OK;
  };
  server_.queue.on_cancel_jobs = [&ids](const v1::CancelJobsRequest& request,
                                        v1::CancelJobsResponse*) {
    ids.push_back(request.request_id());
    return grpc::Status::OK;
  };
  server_.queue.on_permanently_fail_jobs = [&ids](const v1::PermanentlyFailJobsRequest& request,
                                                  v1::PermanentlyFailJobsResponse*) {
    ids.push_back(request.request_id());
    return grpc::Status::OK;
  };
  server_.pool.on_stop = [&ids](const v1::StopRequest& request, v1::StopResponse*) {
    ids.push_back(request.request_id());
    return grpc::Status::OK;
  };
  server_.Start();
  Connection& connection = Connect();
  JobQueueClient queue(connection);
  EXPECT_TRUE(queue.AddJobs({}).ok());
  EXPECT_TRUE(queue.CancelJobs({}, "").ok());
  EXPECT_TRUE(queue.PermanentlyFailJobs({}, "").ok());
  EXPECT_TRUE(WorkerPoolClient(connection).Stop(std::nullopt).ok());
  EXPECT_THAT(ids, ElementsAre(SizeIs(33), SizeIs(33), SizeIs(33), SizeIs(33)));
}

TEST_F(ClientsTest, AServerThatIsNotThereIsUnavailableAndNotConnected) {
  Connection& connection = Connect();
  EXPECT_TRUE(absl::IsUnavailable(WorkerPoolClient(connection).ForceStop().status()));
  EXPECT_FALSE(connection.connected());
}

TEST_F(ClientsTest, AServerThatRefusesIsStillConnected) {
  server_.pool.on_force_stop = [](v1::ForceStopResponse*) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down");
  };
  server_.Start();
  Connection& connection = Connect();
  EXPECT_TRUE(absl::IsUnavailable(WorkerPoolClient(connection).ForceStop().status()));
  EXPECT_TRUE(connection.connected());
}

TEST(ConnectionTest, FillsInThePort) {
  const auto address = [](const std::string& given) {
    return Connection::Create({.address = given}).value()->options().address;
  };
  EXPECT_EQ(address("localhost"), "localhost:50051");
  EXPECT_EQ(address("10.0.0.1:9"), "10.0.0.1:9");
  EXPECT_EQ(address("[::1]"), "[::1]:50051");
  EXPECT_EQ(address("[::1]:9"), "[::1]:9");
  EXPECT_EQ(address("unix:/run/millrace"), "unix:/run/millrace");
}

TEST(ConnectionTest, NamesEveryOptionThatIsWrong) {
  const absl::Status status = Connection::Create({.address = "",
                                                  .deadline = absl::ZeroDuration(),
                                                  .stop_deadline = absl::ZeroDuration(),
                                                  .read_attempts = 6,
                                                  .change_attempts = 0})
                                  .status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("address"), HasSubstr("deadline must"), HasSubstr("stop_deadline"),
                    HasSubstr("read_attempts"), HasSubstr("change_attempts")));
}

}  // namespace
}  // namespace millrace::client
