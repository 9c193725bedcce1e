#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rpc/rpc_fixture.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

class WorkerPoolServiceTest : public RpcFixture {
 protected:
  grpc::Status Start(v1::StartResponse* response = nullptr) {
    v1::StartResponse ignored;
    return pool_stub().Start(NewContext().get(), {}, response != nullptr ? response : &ignored);
  }
  grpc::Status Stop(const v1::StopRequest& request, v1::StopResponse* response = nullptr) {
    v1::StopResponse ignored;
    return pool_stub().Stop(NewContext().get(), request, response != nullptr ? response : &ignored);
  }
  grpc::Status ForceStop(v1::ForceStopResponse* response = nullptr) {
    v1::ForceStopResponse ignored;
    return pool_stub().ForceStop(NewContext().get(), {}, response != nullptr ? response : &ignored);
  }
};

v1::StopRequest StopAfter(int64_t seconds, int32_t nanos = 0) {
  v1::StopRequest request;
  request.mutable_timeout()->set_seconds(seconds);
  request.mutable_timeout()->set_nanos(nanos);
  return request;
}

TEST_F(WorkerPoolServiceTest, StartAnswersWithTheWorkerIdAndTheConcurrency) {
  v1::StartResponse response;
  ASSERT_EQ(ToText(Start(&response)), "OK");
  EXPECT_EQ(response.worker_id(), "worker-1");
  EXPECT_EQ(response.concurrency(), 10);
  EXPECT_TRUE(pool_.Stats().running);
}

TEST_F(WorkerPoolServiceTest, AStartTooManyIsAFailedPrecondition) {
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(ToText(Start()), "FAILED_PRECONDITION: already running");
}

TEST_F(WorkerPoolServiceTest, StopPassesItsTimeoutOnAndAnswersWithTheReport) {
  ASSERT_TRUE(Start().ok());
  v1::StopResponse response;
  ASSERT_EQ(ToText(Stop(StopAfter(1, 500'000'000), &response)), "OK");
  EXPECT_EQ(response.finished(), 1);
  EXPECT_EQ(response.given_back(), 2);
  EXPECT_EQ(response.interrupted(), 3);
  EXPECT_EQ(response.still_running(), 4);
  EXPECT_THAT(pool_.stop_timeouts(), ElementsAre(absl::Milliseconds(1500)));
}

TEST_F(WorkerPoolServiceTest, StopWithoutATimeoutLeavesItToThePool) {
  ASSERT_TRUE(Start().ok());
  ASSERT_EQ(ToText(Stop({})), "OK");
  EXPECT_THAT(pool_.stop_timeouts(), ElementsAre(std::nullopt));
}

TEST_F(WorkerPoolServiceTest, StopTakesTimeoutsFromZeroToADay) {
  for (const int64_t seconds : {0, 86'400}) {
    ASSERT_TRUE(Start().ok());
    EXPECT_EQ(ToText(Stop(StopAfter(seconds))), "OK");
  }
}

TEST_F(WorkerPoolServiceTest, StopRefusesOtherTimeoutsAndStopsNothing) {
  ASSERT_TRUE(Start().ok());
  for (const v1::StopRequest& request :
       {StopAfter(-1), StopAfter(0, -1), StopAfter(86'400, 1), StopAfter(INT64_MAX),
        StopAfter(INT64_MIN), StopAfter(1, -1), StopAfter(0, 1'000'000'000)}) {
    EXPECT_THAT(ToText(Stop(request)), StartsWith("INVALID_ARGUMENT: timeout: "));
  }
  EXPECT_THAT(pool_.stop_timeouts(), IsEmpty());
}

TEST_F(WorkerPoolServiceTest, StopAndForceStopOfAPoolThatDoesNotRunAreFailedPreconditions) {
  EXPECT_EQ(ToText(Stop({})), "FAILED_PRECONDITION: not running");
  EXPECT_EQ(ToText(ForceStop()), "FAILED_PRECONDITION: not running");
}

TEST_F(WorkerPoolServiceTest, ForceStopAnswersWithTheNumberOfHandlersAsked) {
  ASSERT_TRUE(Start().ok());
  v1::ForceStopResponse response;
  ASSERT_EQ(ToText(ForceStop(&response)), "OK");
  EXPECT_EQ(response.asked(), 7);
}

TEST_F(WorkerPoolServiceTest, StatsCarryEveryNumber) {
  PoolStats stats;
  stats.running = true;
  stats.stopping = true;
  stats.concurrency = 1;
  stats.active = 2;
  stats.buffered = 3;
  stats.completed = 4;
  stats.failed = 5;
  stats.errors = 6;
  stats.claimed = 7;
  stats.given_back = 8;
  stats.stale_returned = 9;
  stats.interrupted = 10;
  stats.stuck = 11;
  stats.running_since = absl::FromUnixSeconds(12);
  pool_.SetStats(stats);
  v1::StatsResponse response;
  ASSERT_TRUE(pool_stub().Stats(NewContext().get(), {}, &response).ok());
  EXPECT_EQ(response.worker_id(), "worker-1");
  EXPECT_EQ(response.pool_name(), "pool-of-tests");
  EXPECT_TRUE(response.running());
  EXPECT_TRUE(response.stopping());
  EXPECT_EQ(response.concurrency(), 1);
  EXPECT_EQ(response.active(), 2);
  EXPECT_EQ(response.buffered(), 3);
  EXPECT_EQ(response.completed(), 4);
  EXPECT_EQ(response.failed(), 5);
  EXPECT_EQ(response.errors(), 6);
  EXPECT_EQ(response.claimed(), 7);
  EXPECT_EQ(response.given_back(), 8);
  EXPECT_EQ(response.stale_returned(), 9);
  EXPECT_EQ(response.interrupted(), 10);
  EXPECT_EQ(response.stuck(), 11);
  EXPECT_EQ(response.running_since().seconds(), 12);
}

TEST_F(WorkerPoolServiceTest, StatsOfAPoolThatNeverRanHaveNoTime) {
  v1::StatsResponse response;
  ASSERT_TRUE(pool_stub().Stats(NewContext().get(), {}, &response).ok());
  EXPECT_FALSE(response.has_running_since());
}

TEST_F(WorkerPoolServiceTest, WorkerIdIsThatOfThePool) {
  v1::WorkerIdResponse response;
  ASSERT_TRUE(pool_stub().WorkerId(NewContext().get(), {}, &response).ok());
  EXPECT_EQ(response.worker_id(), "worker-1");
}

TEST_F(WorkerPoolServiceTest, AnExceptionIsAnInternalErrorAndTheServerGoesOn) {
  pool_.SetThrows();
  EXPECT_EQ(ToText(Start()), "INTERNAL: unexpected exception: the pool broke");
  v1::WorkerIdResponse response;
  EXPECT_TRUE(pool_stub().WorkerId(NewContext().get(), {}, &response).ok());
}

// Calls that wait, each from a thread of its own.
class WaitingCalls {
 public:
  explicit WaitingCalls(int count, const std::function<grpc::Status()>& call) : statuses_(count) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, i, call] { statuses_[i] = call(); });
    }
  }
  ~WaitingCalls() { Join(); }
  const std::vector<grpc::Status>& Join() {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
    return statuses_;
  }

 private:
  std::vector<grpc::Status> statuses_;
  std::vector<std::thread> threads_;
};

TEST_F(WorkerPoolServiceTest, ForceStopIsReachedHoweverManyStopsAndAddsWait) {
  RpcServerOptions options;
  options.max_job_calls = 2;
  StartServer(options);
  ASSERT_TRUE(Start().ok());
  pool_.HoldStops();
  store_.HoldAdds();
  {
    WaitingCalls stops(20, [this] { return Stop({}); });
    WaitingCalls adds(20, [this] {
      v1::AddJobRequest request;
      request.mutable_job()->set_task_identifier("t");
      v1::AddJobResponse response;
      return jobs().AddJob(NewContext().get(), request, &response);
    });
    pool_.AwaitStopCalls(4);
    store_.AwaitHeldAdds(2);
    EXPECT_EQ(ToText(ForceStop()), "OK");
    v1::StatsResponse stats;
    EXPECT_EQ(ToText(pool_stub().Stats(NewContext().get(), {}, &stats)), "OK");
    pool_.ReleaseStops();
    store_.ReleaseAdds();
  }
}

TEST_F(WorkerPoolServiceTest, ACallBeyondTheLineIsRefusedAtOnce) {
  ASSERT_TRUE(Start().ok());
  pool_.HoldStops();
  std::vector<grpc::Status> statuses;
  {
    // 4 in threads and 100 in line; the others are refused while those wait.
    absl::BlockingCounter refused(6);
    WaitingCalls stops(110, [&] {
      const grpc::Status status = Stop({});
      if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) refused.DecrementCount();
      return status;
    });
    refused.Wait();
    pool_.ReleaseStops();
    statuses = stops.Join();
  }
  int refusals = 0;
  for (const grpc::Status& status : statuses) {
    if (status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED) continue;
    ++refusals;
    EXPECT_EQ(status.error_message(), "too many calls of WorkerPool/Stop wait already: 100");
  }
  EXPECT_EQ(refusals, 6);
}

TEST_F(WorkerPoolServiceTest, ACallerThatLeavesDoesNotCancelTheStop) {
  ASSERT_TRUE(Start().ok());
  pool_.HoldStops();
  const auto context = NewContext();
  std::thread caller([&] {
    v1::StopResponse response;
    EXPECT_EQ(pool_stub().Stop(context.get(), {}, &response).error_code(),
              grpc::StatusCode::CANCELLED);
  });
  pool_.AwaitStopCalls(1);
  context->TryCancel();
  caller.join();
  pool_.ReleaseStops();
  pool_.AwaitStopsDone(1);
  EXPECT_FALSE(pool_.Stats().running);
}

TEST_F(WorkerPoolServiceTest, AStopThatWaitsIsAnsweredWhenTheServerShutsDown) {
  ASSERT_TRUE(Start().ok());
  pool_.HoldStops();
  WaitingCalls stop(1, [this] { return Stop({}); });
  pool_.AwaitStopCalls(1);
  server_->Shutdown(absl::Minutes(1));
  EXPECT_EQ(ToText(stop.Join().front()), "UNAVAILABLE: server is shutting down");
  pool_.ReleaseStops();
}

}  // namespace
}  // namespace millrace
