// What is asked for under a request id is done once.

#include <future>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rpc/rpc_fixture.h"
#include "tests/support/eventually.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr char kUsedBefore[] =
    "INVALID_ARGUMENT: request_id: another request has had it within 24 hours";

class RequestIdTest : public RpcFixture {
 protected:
  static v1::AddJobRequest AddRequest(const std::string& id) {
    v1::AddJobRequest request;
    request.mutable_job()->set_task_identifier("t");
    request.set_request_id(id);
    return request;
  }
  std::string Add(const v1::AddJobRequest& request, v1::AddJobResponse* response) {
    return ToText(jobs().AddJob(NewContext().get(), request, response));
  }
  std::string Start(const std::string& id) {
    v1::StartRequest request;
    request.set_request_id(id);
    v1::StartResponse response;
    return ToText(pool_stub().Start(NewContext().get(), request, &response));
  }
  std::string Stop(const std::string& id, v1::StopResponse* response, int timeout_s = 1) {
    v1::StopRequest request;
    request.set_request_id(id);
    request.mutable_timeout()->set_seconds(timeout_s);
    return ToText(pool_stub().Stop(NewContext().get(), request, response));
  }
  std::string ForceStop(const std::string& id, v1::ForceStopResponse* response) {
    v1::ForceStopRequest request;
    request.set_request_id(id);
    return ToText(pool_stub().ForceStop(NewContext().get(), request, response));
  }
};

TEST_F(RequestIdTest, AJobIsAddedOnceForEachIdAndShownAsItStands) {
  v1::AddJobResponse first;
  ASSERT_EQ(Add(AddRequest("r-1"), &first), "OK");
  JobDetails completed;
  completed.job.id = first.job().id();
  completed.state = JobState::kCompleted;
  store_.Put(completed);
  v1::AddJobResponse again;
  ASSERT_EQ(Add(AddRequest("r-1"), &again), "OK");
  EXPECT_EQ(again.job().id(), first.job().id());
  EXPECT_EQ(again.result(), v1::ADD_RESULT_CREATED);
  EXPECT_EQ(again.job().state(), v1::JOB_STATE_COMPLETED);
  v1::AddJobResponse other;
  ASSERT_EQ(Add(AddRequest("r-2"), &other), "OK");
  EXPECT_NE(other.job().id(), first.job().id());
  EXPECT_THAT(store_.added(), SizeIs(2));
}

TEST_F(RequestIdTest, WithoutAnIdEachCallAdds) {
  v1::AddJobResponse response;
  ASSERT_EQ(Add(AddRequest(""), &response), "OK");
  EXPECT_TRUE(store_.last_request().empty());
  ASSERT_EQ(Add(AddRequest(""), &response), "OK");
  EXPECT_THAT(store_.added(), SizeIs(2));
}

TEST_F(RequestIdTest, TheDigestIsTheSameForTheSameRequestAndNoOther) {
  v1::AddJobResponse response;
  ASSERT_EQ(Add(AddRequest("r"), &response), "OK");
  const RequestKey first = store_.last_request();
  EXPECT_EQ(first.id, "r");
  EXPECT_EQ(first.method, "JobQueue/AddJob");
  EXPECT_THAT(first.digest, SizeIs(32));
  ASSERT_EQ(Add(AddRequest("r"), &response), "OK");
  EXPECT_EQ(store_.last_request().digest, first.digest);
  v1::AddJobRequest other = AddRequest("r");
  other.mutable_job()->set_priority(1);
  ASSERT_EQ(Add(other, &response), "OK");
  EXPECT_NE(store_.last_request().digest, first.digest);
}

TEST_F(RequestIdTest, EveryChangeOfJobsHandsItsIdToTheStore) {
  v1::AddJobsRequest add;
  add.add_jobs()->set_task_identifier("t");
  add.set_request_id("a");
  v1::AddJobsResponse added;
  ASSERT_EQ(ToText(jobs().AddJobs(NewContext().get(), add, &added)), "OK");
  EXPECT_EQ(store_.last_request().id, "a");
  EXPECT_EQ(store_.last_request().method, "JobQueue/AddJobs");
  v1::CancelJobsRequest cancel;
  cancel.add_ids(1);
  cancel.set_request_id("c");
  v1::CancelJobsResponse cancelled;
  ASSERT_EQ(ToText(jobs().CancelJobs(NewContext().get(), cancel, &cancelled)), "OK");
  EXPECT_EQ(store_.last_request().id, "c");
  v1::ResetOverdueJobsRequest reset;
  reset.set_request_id("o");
  v1::ResetOverdueJobsResponse freed;
  ASSERT_EQ(ToText(jobs().ResetOverdueJobs(NewContext().get(), reset, &freed)), "OK");
  EXPECT_EQ(store_.last_request().id, "o");
}

TEST_F(RequestIdTest, ABadIdIsRefusedAndNothingIsDone) {
  v1::AddJobResponse response;
  EXPECT_EQ(Add(AddRequest(std::string(129, 'x')), &response),
            "INVALID_ARGUMENT: request_id: at most 128 bytes, got 129");
  EXPECT_EQ(Add(AddRequest("a\nb"), &response),
            "INVALID_ARGUMENT: request_id: must be printable UTF-8");
  EXPECT_EQ(store_.size(), 0);
  EXPECT_THAT(Start("a\tb"), HasSubstr("request_id: must be printable UTF-8"));
  EXPECT_FALSE(pool_.Stats().running);
}

TEST_F(RequestIdTest, ThePoolIsStartedOnceForEachId) {
  ASSERT_EQ(Start("s"), "OK");
  EXPECT_EQ(Start("s"), "OK");
  EXPECT_EQ(Start("other"), "FAILED_PRECONDITION: already running");
  EXPECT_EQ(Start(""), "FAILED_PRECONDITION: already running");
}

TEST_F(RequestIdTest, AStopThatCameBeforeIsAnsweredWithItsReport) {
  ASSERT_EQ(Start(""), "OK");
  v1::StopResponse first;
  ASSERT_EQ(Stop("s", &first), "OK");
  v1::StopResponse again;
  ASSERT_EQ(Stop("s", &again), "OK");
  EXPECT_EQ(again.given_back(), first.given_back());
  EXPECT_EQ(again.interrupted(), 3);
  EXPECT_THAT(pool_.stop_timeouts(), SizeIs(1));
}

TEST_F(RequestIdTest, TheSameStopTwiceAtOnceIsDoneOnceAndBothGetItsReport) {
  ASSERT_EQ(Start(""), "OK");
  pool_.HoldStops();
  v1::StopResponse first;
  v1::StopResponse second;
  auto one = std::async(std::launch::async, [&] { return Stop("s", &first); });
  pool_.AwaitStopCalls(1);
  auto two = std::async(std::launch::async, [&] { return Stop("s", &second); });
  pool_.ReleaseStops();
  EXPECT_EQ(one.get(), "OK");
  EXPECT_EQ(two.get(), "OK");
  EXPECT_EQ(second.finished(), 1);
  EXPECT_THAT(pool_.stop_timeouts(), SizeIs(1));
}

TEST_F(RequestIdTest, AnIdOfAnotherRequestOfThePoolIsRefused) {
  ASSERT_EQ(Start("s"), "OK");
  v1::StopResponse stopped;
  EXPECT_EQ(Stop("s", &stopped), kUsedBefore);
  EXPECT_EQ(Stop("t", &stopped, 1), "OK");
  EXPECT_EQ(Stop("t", &stopped, 2), kUsedBefore);
}

TEST_F(RequestIdTest, WhatFailedIsTriedAgain) {
  v1::ForceStopResponse asked;
  EXPECT_EQ(ForceStop("f", &asked), "FAILED_PRECONDITION: not running");
  ASSERT_EQ(Start(""), "OK");
  EXPECT_EQ(ForceStop("f", &asked), "OK");
  EXPECT_EQ(asked.asked(), 7);
}

TEST_F(RequestIdTest, AfterADayAnIdOfThePoolIsNew) {
  ASSERT_EQ(Start("s"), "OK");
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(Start("s"), "FAILED_PRECONDITION: already running");
}

// Calls that name other pools: a second server shares the database.
class FleetRequestIdTest : public RequestIdTest {
 protected:
  FleetRequestIdTest() {
    fleet_store_.OnNotify([this] {
      fleet_.Wake();
      other_fleet_.Wake();
    });
    StartServer();
    EXPECT_EQ(other_fleet_.Start(), absl::OkStatus());
    EXPECT_TRUE(Eventually([this] {
      return fleet_store_.HasReported("worker-1") && fleet_store_.HasReported("worker-2");
    }));
  }
  // With the id "r".
  template <typename Request>
  static Request ForAll() {
    Request request;
    request.set_request_id("r");
    request.mutable_pool()->set_all(true);
    return request;
  }

  FakePoolControl other_pool_{"worker-2"};
  PoolCommands other_commands_{other_pool_, fleet_store_, clock_};
  Fleet other_fleet_{fleet_store_,
                     other_commands_,
                     {.worker_id = "worker-2", .pool_name = "pool-of-tests"},
                     clock_,
                     {}};
};

TEST_F(FleetRequestIdTest, AnotherPoolIsStartedOnceForEachId) {
  v1::StartRequest request;
  request.set_request_id("r");
  request.mutable_pool()->set_worker_id("worker-2");
  for (int time = 0; time < 2; ++time) {
    v1::StartResponse response;
    ASSERT_EQ(ToText(pool_stub().Start(NewContext().get(), request, &response)), "OK");
    EXPECT_EQ(response.worker_id(), "worker-2");
  }
  EXPECT_EQ(other_pool_.start_calls(), 1);
  EXPECT_FALSE(pool_.Stats().running);
  // Another request under that id.
  request.set_save(true);
  v1::StartResponse response;
  EXPECT_EQ(ToText(pool_stub().Start(NewContext().get(), request, &response)),
            "INVALID_ARGUMENT: worker-2: request_id: another request has had it within 24 hours");
}

// Each pool remembers what it has done, whichever server it was asked through.
TEST_F(FleetRequestIdTest, AStopThatComesAgainThroughAnotherServerIsDoneOnce) {
  ASSERT_EQ(Start(""), "OK");
  v1::StopRequest request;
  request.set_request_id("r");
  v1::StopResponse first;
  ASSERT_EQ(ToText(pool_stub().Stop(NewContext().get(), request, &first)), "OK");
  ASSERT_EQ(Start(""), "OK");
  absl::StatusOr<FleetQuestions::Asked> asked =
      other_fleet_.Ask("worker-1", "Stop", request.SerializeAsString(), absl::Minutes(1));
  ASSERT_TRUE(asked.ok()) << asked.status();
  const auto replies = other_fleet_.Await(*std::move(asked));
  ASSERT_THAT(replies, SizeIs(1));
  ASSERT_TRUE(replies[0].answer.ok()) << replies[0].answer.status();
  EXPECT_EQ(*replies[0].answer, first.SerializeAsString());
  EXPECT_THAT(pool_.stop_timeouts(), SizeIs(1));
  EXPECT_TRUE(pool_.Stats().running);
}

TEST_F(FleetRequestIdTest, TheOwnPoolKnowsARequestWhetherItIsNamedOrReached) {
  v1::StartRequest request;
  request.set_request_id("r");
  v1::StartResponse response;
  ASSERT_EQ(ToText(pool_stub().Start(NewContext().get(), request, &response)), "OK");
  request.mutable_pool()->set_worker_id("worker-1");
  EXPECT_EQ(ToText(pool_stub().Start(NewContext().get(), request, &response)), "OK");
  EXPECT_EQ(pool_.start_calls(), 1);
}

TEST_F(FleetRequestIdTest, ABadIdOfACallOfAllIsRefusedBeforeAnyPoolIsAsked) {
  auto request = ForAll<v1::StartRequest>();
  request.set_request_id("a\nb");
  v1::StartResponse response;
  EXPECT_EQ(ToText(pool_stub().Start(NewContext().get(), request, &response)),
            "INVALID_ARGUMENT: request_id: must be printable UTF-8");
}

TEST_F(FleetRequestIdTest, AStopOfAllThatCameBeforeIsAnsweredWithWhatEachPoolSaid) {
  ASSERT_EQ(Start(""), "OK");
  const auto request = ForAll<v1::StopRequest>();
  for (int time = 0; time < 2; ++time) {
    v1::StopResponse response;
    ASSERT_EQ(ToText(pool_stub().Stop(NewContext().get(), request, &response)), "OK");
    ASSERT_THAT(response.pools(), SizeIs(2));
    EXPECT_EQ(response.pools(0).stop().finished(), 1);
    EXPECT_EQ(response.pools(1).message(), "not running");
  }
}

TEST_F(FleetRequestIdTest, AForceStopOfAllThatCameBeforeAsksNobodyAgain) {
  ASSERT_EQ(Start(""), "OK");
  const auto request = ForAll<v1::ForceStopRequest>();
  v1::ForceStopResponse first;
  ASSERT_EQ(ToText(pool_stub().ForceStop(NewContext().get(), request, &first)), "OK");
  v1::StopResponse stopped;
  ASSERT_EQ(Stop("", &stopped), "OK");
  v1::ForceStopResponse again;
  ASSERT_EQ(ToText(pool_stub().ForceStop(NewContext().get(), request, &again)), "OK");
  ASSERT_THAT(again.pools(), SizeIs(2));
  EXPECT_EQ(again.pools(0).force_stop().asked(), 7);
}

TEST_F(FleetRequestIdTest, AChangeOfAllThatCameBeforeDoesNotUndoALaterOne) {
  auto request = ForAll<v1::UpdatePoolRequest>();
  request.set_concurrency(5);
  v1::UpdatePoolResponse response;
  ASSERT_EQ(ToText(pool_stub().UpdatePool(NewContext().get(), request, &response)), "OK");
  v1::UpdatePoolRequest later = request;
  later.set_request_id("later");
  later.set_concurrency(6);
  ASSERT_EQ(ToText(pool_stub().UpdatePool(NewContext().get(), later, &response)), "OK");
  ASSERT_EQ(ToText(pool_stub().UpdatePool(NewContext().get(), request, &response)), "OK");
  EXPECT_EQ(response.pools(1).update_pool().concurrency(), 5);
  EXPECT_EQ(pool_.Stats().concurrency, 6);
  EXPECT_EQ(other_pool_.Stats().concurrency, 6);
  request.set_save(true);
  ASSERT_EQ(ToText(pool_stub().UpdatePool(NewContext().get(), request, &response)), "OK");
  for (const v1::PoolReply& reply : response.pools()) {
    EXPECT_THAT(reply.message(), HasSubstr("request_id: another request has had it"));
  }
}

}  // namespace
}  // namespace millrace
