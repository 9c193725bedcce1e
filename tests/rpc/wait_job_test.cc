// WaitJob through the service.

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/model/job_event.h"
#include "tests/rpc/rpc_fixture.h"
#include "tests/support/eventually.h"

namespace millrace {
namespace {

using testing::HasSubstr;

// One call that is under way.
struct WaitCall {
  std::unique_ptr<grpc::ClientContext> context = NewContext();
  v1::WaitJobRequest request;
  v1::WaitJobResponse response;
  std::promise<grpc::Status> done;
  std::future<grpc::Status> status = done.get_future();
};

class WaitJobTest : public RpcFixture {
 protected:
  // Calls that still wait end with the server.
  ~WaitJobTest() override {
    server_.reset();
    for (const auto& call : calls_) {
      if (call->status.valid()) call->status.wait();
    }
  }

  void PutJob(JobId id, JobState state, std::vector<Attempt> attempts = {}) {
    JobDetails details;
    details.job.id = id;
    details.job.task_identifier = "t";
    details.state = state;
    store_.Put(details, std::move(attempts));
  }
  WaitCall* Begin(JobId id, int timeout_s = -1) {
    calls_.push_back(std::make_unique<WaitCall>());
    WaitCall* const call = calls_.back().get();
    call->request.set_id(id);
    if (timeout_s >= 0) call->request.mutable_timeout()->set_seconds(timeout_s);
    jobs().async()->WaitJob(call->context.get(), &call->request, &call->response,
                            [call](grpc::Status status) { call->done.set_value(status); });
    return call;
  }
  static std::string Outcome(WaitCall& call) {
    if (call.status.wait_for(std::chrono::minutes(1)) != std::future_status::ready) return "waits";
    return ToText(call.status.get());
  }
  static bool Waits(WaitCall& call) {
    return call.status.wait_for(std::chrono::seconds(0)) == std::future_status::timeout;
  }
  // What the pool of this server does when it has recorded an outcome.
  void EmitEnd(JobId id, EventType type) {
    Event event;
    event.type = type;
    event.data = JobEventData{.job_id = id, .task_identifier = "t"};
    std::vector<Event> events;
    events.push_back(std::move(event));
    emitter_.Emit(std::move(events));
  }
  // Lets the watcher look for all jobs once more, which it does after this pause, and waits until
  // it has. Time passes again only if that came too early, while the watcher was still at a look.
  void LookAgain(absl::Duration pause = absl::Milliseconds(100)) {
    const size_t before = store_.looks().size();
    do {
      clock_.Advance(pause);
    } while (!Eventually([&] { return store_.looks().size() > before; }, absl::Seconds(1)));
  }

  std::vector<std::unique_ptr<WaitCall>> calls_;
};

TEST_F(WaitJobTest, AJobThatHasEndedIsToldAtOnceWithItsOutcomeAndResult) {
  PutJob(7, JobState::kCompleted,
         {{.attempt = 1, .outcome = AttemptOutcome::kCompleted, .result = R"({"n": 1})"}});
  WaitCall* const call = Begin(7);
  ASSERT_EQ(Outcome(*call), "OK");
  EXPECT_TRUE(call->response.finished());
  EXPECT_EQ(call->response.job().id(), 7);
  EXPECT_EQ(call->response.job().state(), v1::JOB_STATE_COMPLETED);
  EXPECT_EQ(call->response.last_attempt().outcome(), v1::ATTEMPT_OUTCOME_COMPLETED);
  EXPECT_EQ(call->response.last_attempt().result(), R"({"n": 1})");
}

TEST_F(WaitJobTest, CancelledAndExhaustedJobsHaveEndedToo) {
  PutJob(1, JobState::kCancelled);
  PutJob(2, JobState::kExhausted);
  store_.SetSuccessor(1, 9);
  WaitCall* const cancelled = Begin(1);
  ASSERT_EQ(Outcome(*cancelled), "OK");
  EXPECT_TRUE(cancelled->response.finished());
  EXPECT_EQ(cancelled->response.successor_id(), 9);
  EXPECT_FALSE(cancelled->response.has_last_attempt());
  WaitCall* const exhausted = Begin(2);
  ASSERT_EQ(Outcome(*exhausted), "OK");
  EXPECT_TRUE(exhausted->response.finished());
}

TEST_F(WaitJobTest, AJobThatEndsElsewhereIsFoundByTheNextLook) {
  PutJob(7, JobState::kHeld);
  WaitCall* const call = Begin(7);
  store_.AwaitLooks(1);
  PutJob(7, JobState::kCompleted);
  LookAgain();
  ASSERT_EQ(Outcome(*call), "OK");
  EXPECT_TRUE(call->response.finished());
}

TEST_F(WaitJobTest, WhatTheServersOwnPoolHasRecordedIsToldWithoutWaitingForTheNextLook) {
  PutJob(7, JobState::kHeld);
  PutJob(8, JobState::kHeld);
  WaitCall* const call = Begin(7);
  WaitCall* const other = Begin(8);
  store_.AwaitLooks(1);
  PutJob(7, JobState::kCompleted);
  EmitEnd(7, EventType::kJobCompleted);
  ASSERT_EQ(Outcome(*call), "OK");  // though the clock stands still
  EXPECT_TRUE(Waits(*other));
}

TEST_F(WaitJobTest, AtTheTimeoutTheJobIsToldAsItStands) {
  PutJob(7, JobState::kHeld);
  WaitCall* const call = Begin(7, /*timeout_s=*/5);
  WaitCall* const longer = Begin(7, /*timeout_s=*/500);
  store_.AwaitLooks(1);
  LookAgain();
  EXPECT_TRUE(Waits(*call));
  clock_.Advance(absl::Seconds(5));
  ASSERT_EQ(Outcome(*call), "OK");
  EXPECT_FALSE(call->response.finished());
  EXPECT_EQ(call->response.job().state(), v1::JOB_STATE_HELD);
  EXPECT_TRUE(Waits(*longer));
}

TEST_F(WaitJobTest, ATimeoutOfZeroAnswersAtOnce) {
  PutJob(7, JobState::kReady);
  WaitCall* const call = Begin(7, /*timeout_s=*/0);
  ASSERT_EQ(Outcome(*call), "OK");
  EXPECT_FALSE(call->response.finished());
}

TEST_F(WaitJobTest, TheDeadlineOfTheCallEndsIt) {
  PutJob(7, JobState::kHeld);
  auto call = std::make_unique<WaitCall>();
  call->context->set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  call->request.set_id(7);
  EXPECT_EQ(jobs().WaitJob(call->context.get(), call->request, &call->response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(WaitJobTest, AnUnknownJobIsNotFound) {
  WaitCall* const call = Begin(7);
  EXPECT_EQ(Outcome(*call), "NOT_FOUND: no job has the id 7");
}

TEST_F(WaitJobTest, BadNumbersAndTimeoutsAreRefused) {
  EXPECT_THAT(Outcome(*Begin(0)), HasSubstr("INVALID_ARGUMENT: id: must be 1 to"));
  auto call = std::make_unique<WaitCall>();
  call->request.set_id(1);
  call->request.mutable_timeout()->set_seconds(-1);
  EXPECT_EQ(ToText(jobs().WaitJob(call->context.get(), call->request, &call->response)),
            "INVALID_ARGUMENT: timeout: must be 0 to 24 h, got -1 seconds");
}

TEST_F(WaitJobTest, AThousandWhoWaitCostOneQueryAtATimeAndNoThreadEach) {
  constexpr int kCallers = 1000;
  RpcServerOptions options;
  options.max_job_calls = 2;
  StartServer(options);
  std::vector<WaitCall*> calls;
  for (int i = 1; i <= kCallers; ++i) {
    PutJob(i, JobState::kHeld);
    calls.push_back(Begin(i));
  }
  // Until one look was for all of them.
  do {
    LookAgain();
  } while (store_.looks().back().size() < kCallers);
  const size_t before = store_.looks().size();
  LookAgain();
  EXPECT_EQ(store_.looks().size(), before + 1);
  // Other calls go on.
  v1::GetJobRequest get;
  get.set_id(1);
  v1::GetJobResponse got;
  EXPECT_EQ(ToText(jobs().GetJob(NewContext().get(), get, &got)), "OK");
  for (int i = 1; i <= kCallers; ++i) PutJob(i, JobState::kCompleted);
  LookAgain();
  for (WaitCall* const call : calls) EXPECT_EQ(Outcome(*call), "OK");
}

TEST_F(WaitJobTest, WhoHasGoneIsNotWaitedForAnyMore) {
  PutJob(7, JobState::kHeld);
  PutJob(8, JobState::kHeld);
  WaitCall* const call = Begin(7);
  WaitCall* const other = Begin(8);
  store_.AwaitLooks(1);
  call->context->TryCancel();
  EXPECT_THAT(Outcome(*call), HasSubstr("CANCELLED"));
  do {
    LookAgain();
  } while (store_.looks().back() != std::vector<JobId>{8});
  EXPECT_TRUE(Waits(*other));
}

TEST_F(WaitJobTest, WaitsGoOnWhileTheDatabaseIsAway) {
  PutJob(7, JobState::kHeld);
  WaitCall* const call = Begin(7);
  store_.AwaitLooks(1);
  store_.FailReads(absl::UnavailableError("database: gone"));
  // After failures it pauses for longer.
  constexpr absl::Duration kLongestPause = absl::Seconds(2);
  LookAgain();
  LookAgain(kLongestPause);
  EXPECT_TRUE(Waits(*call));
  PutJob(7, JobState::kCompleted);
  store_.FailReads(absl::OkStatus());
  LookAgain(kLongestPause);
  ASSERT_EQ(Outcome(*call), "OK");
  EXPECT_TRUE(call->response.finished());
}

TEST_F(WaitJobTest, ATimeoutWhileTheDatabaseIsAwayIsUnavailable) {
  PutJob(7, JobState::kHeld);
  store_.FailReads(absl::UnavailableError("database: gone"));
  WaitCall* const call = Begin(7, /*timeout_s=*/1);
  store_.AwaitLooks(1);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Outcome(*call), "UNAVAILABLE: database: gone");
}

TEST_F(WaitJobTest, AShutdownEndsWaitsWithUnavailable) {
  PutJob(7, JobState::kHeld);
  WaitCall* const call = Begin(7);
  store_.AwaitLooks(1);
  server_->Shutdown(absl::Seconds(5));
  EXPECT_EQ(Outcome(*call), "UNAVAILABLE: server is shutting down");
}

}  // namespace
}  // namespace millrace
