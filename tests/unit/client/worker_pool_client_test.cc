#include "client/library/worker_pool_client.h"

#include <atomic>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/client_fixture.h"

namespace millrace::client {
namespace {

using testing::Each;

class WorkerPoolClientTest : public ClientFixture {};

TEST_F(WorkerPoolClientTest, ChangesOfPoolsThatAreNamedAreRepeatedUnderTheirRequestId) {
  std::vector<std::string> ids;
  server_.pool.on_stop = [&ids](const v1::StopRequest& request, v1::StopResponse* response) {
    ids.push_back(request.request_id());
    if (ids.size() % 3 != 0) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down");
    response->add_pools()->mutable_stop()->set_finished(3);
    return grpc::Status::OK;
  };
  server_.Start();
  WorkerPoolClient pool(Connect());
  EXPECT_TRUE(pool.Stop(std::nullopt, "w-2").ok());
  ASSERT_EQ(ids.size(), 3U);
  EXPECT_THAT(ids, Each(ids[0]));
  ids.clear();
  EXPECT_EQ((*pool.StopAll(std::nullopt))[0].answer->finished, 3);
  ASSERT_EQ(ids.size(), 3U);
  EXPECT_THAT(ids, Each(ids[0]));
}

TEST_F(WorkerPoolClientTest, WhatBecameOfThePoolThatIsNamedIsAnAnswer) {
  std::atomic<int> calls = 0;
  server_.pool.on_start = [&calls](v1::StartResponse*) {
    ++calls;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "w-2: its server was lost");
  };
  server_.Start();
  EXPECT_TRUE(absl::IsUnavailable(WorkerPoolClient(Connect()).Start("w-2").status()));
  EXPECT_EQ(calls, 1);
}

TEST_F(WorkerPoolClientTest, ChangesOfTheServersOwnPoolAreNotRepeated) {
  std::atomic<int> calls = 0;
  server_.pool.on_start = [&calls](v1::StartResponse*) {
    ++calls;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down");
  };
  server_.Start();
  EXPECT_TRUE(absl::IsUnavailable(WorkerPoolClient(Connect()).Start().status()));
  EXPECT_EQ(calls, 1);
}

TEST_F(WorkerPoolClientTest, AStopEndsWithItsDeadline) {
  server_.pool.on_stop = [this](const v1::StopRequest&, v1::StopResponse*) {
    gate_.Pass();
    return grpc::Status::OK;
  };
  server_.Start();
  WorkerPoolClient pool(Connect({.stop_deadline = absl::Milliseconds(50)}));
  EXPECT_TRUE(absl::IsDeadlineExceeded(pool.Stop(absl::Seconds(30)).status()));
  gate_.Open();
}

TEST_F(WorkerPoolClientTest, AStopWithoutADeadlineMayTakeAsLongAsItsTimeoutSays) {
  WorkerPoolClient pool(Connect({.deadline = absl::Seconds(40)}));
  EXPECT_EQ(pool.StopDeadline(absl::Seconds(5)), absl::Seconds(45));
  EXPECT_EQ(
      WorkerPoolClient(Connect({.deadline = absl::Seconds(1)})).StopDeadline(absl::Seconds(5)),
      absl::Seconds(35));
  EXPECT_EQ(WorkerPoolClient(Connect()).StopDeadline(std::nullopt), absl::InfiniteDuration());
}

TEST_F(WorkerPoolClientTest, StopSendsItsTimeoutOrNone) {
  std::vector<v1::StopRequest> requests;
  server_.pool.on_stop = [&requests](const v1::StopRequest& request, v1::StopResponse* response) {
    requests.push_back(request);
    response->set_interrupted(2);
    return grpc::Status::OK;
  };
  server_.Start();
  WorkerPoolClient pool(Connect());
  EXPECT_EQ(pool.Stop(absl::Milliseconds(1500))->interrupted, 2);
  EXPECT_TRUE(pool.Stop(std::nullopt).ok());
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].timeout().seconds(), 1);
  EXPECT_EQ(requests[0].timeout().nanos(), 500'000'000);
  EXPECT_FALSE(requests[1].has_timeout());
}

}  // namespace
}  // namespace millrace::client
