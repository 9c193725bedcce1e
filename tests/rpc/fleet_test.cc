// Calls that name other pools: three servers in one process share a fake database.

#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/named_thread.h"
#include "tests/rpc/fleet_fixture.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

class FleetTest : public FleetFixture {};

TEST_F(FleetTest, StatsOfAllComeFromEachPool) {
  second_.pool.SetStats({.concurrency = 2});
  third_.pool.SetStats({.concurrency = 3});
  v1::StatsResponse response;
  ASSERT_EQ(ToText(Stats(All(), &response)), "OK");
  ASSERT_THAT(response.pools(), SizeIs(3));
  EXPECT_EQ(response.pools(0).worker_id(), "worker-1");
  EXPECT_EQ(response.pools(0).pool_name(), "pool-of-tests");
  EXPECT_EQ(response.pools(0).code(), 0);
  EXPECT_EQ(response.pools(0).stats().concurrency(), 10);
  EXPECT_EQ(response.pools(1).stats().worker_id(), "worker-2");
  EXPECT_EQ(response.pools(1).stats().concurrency(), 2);
  EXPECT_EQ(response.pools(2).stats().concurrency(), 3);
  EXPECT_EQ(response.worker_id(), "");
  EXPECT_EQ(fleet_store_.CountRequests(), 0);
}

TEST_F(FleetTest, AnotherPoolIsNamedByItsWorkerId) {
  v1::StartResponse started;
  ASSERT_EQ(ToText(Start(One("worker-2"), &started)), "OK");
  EXPECT_EQ(started.worker_id(), "worker-2");
  EXPECT_THAT(started.pools(), IsEmpty());
  EXPECT_TRUE(second_.pool.Stats().running);
  EXPECT_FALSE(pool_.Stats().running);
  EXPECT_FALSE(third_.pool.Stats().running);
  EXPECT_EQ(ToText(Start(One("worker-2"), &started)),
            "FAILED_PRECONDITION: worker-2: already running");
}

TEST_F(FleetTest, TheOwnPoolMayBeNamedToo) {
  v1::StartResponse started;
  ASSERT_EQ(ToText(Start(One("worker-1"), &started)), "OK");
  EXPECT_TRUE(pool_.Stats().running);
  EXPECT_EQ(ToText(Start(One("worker-1"), &started)), "FAILED_PRECONDITION: already running");
}

TEST_F(FleetTest, AnUnknownPoolIsNotFound) {
  v1::StatsResponse response;
  EXPECT_EQ(ToText(Stats(One("nobody"), &response)),
            "NOT_FOUND: there is no pool with the worker id nobody");
}

TEST_F(FleetTest, ASelectorThatSelectsNothingIsRefused) {
  v1::StatsResponse response;
  EXPECT_THAT(ToText(Stats({}, &response)), StartsWith("INVALID_ARGUMENT: pool: "));
  EXPECT_THAT(ToText(Stats(One(""), &response)), StartsWith("INVALID_ARGUMENT: pool.worker_id: "));
  EXPECT_THAT(ToText(Stats(One(std::string(257, 'x')), &response)),
              StartsWith("INVALID_ARGUMENT: pool.worker_id: "));
  v1::PoolSelector none;
  none.set_all(false);
  EXPECT_THAT(ToText(Stats(none, &response)), StartsWith("INVALID_ARGUMENT: pool.all: "));
}

TEST_F(FleetTest, StopOfAllStopsAllAndTellsOfEach) {
  v1::StartResponse started;
  ASSERT_TRUE(Start(One("worker-1"), &started).ok());
  ASSERT_TRUE(Start(One("worker-3"), &started).ok());
  v1::StopResponse response;
  ASSERT_EQ(ToText(Stop(All(), &response)), "OK");
  ASSERT_THAT(response.pools(), SizeIs(3));
  EXPECT_EQ(response.pools(0).stop().finished(), 1);
  EXPECT_EQ(response.pools(1).code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(response.pools(1).message(), "not running");
  EXPECT_EQ(response.pools(2).stop().given_back(), 2);
  EXPECT_FALSE(pool_.Stats().running);
  EXPECT_FALSE(third_.pool.Stats().running);
  EXPECT_THAT(third_.pool.stop_timeouts(), ElementsAre(absl::Seconds(7)));
}

TEST_F(FleetTest, AForceStopOvertakesTheStopOfAnotherPool) {
  std::thread stopping = StopSecondAndHoldIt();
  v1::ForceStopRequest request;
  *request.mutable_pool() = One("worker-2");
  v1::ForceStopResponse asked;
  EXPECT_EQ(ToText(pool_stub().ForceStop(NewContext().get(), request, &asked)), "OK");
  EXPECT_EQ(asked.asked(), 7);
  second_.pool.ReleaseStops();
  stopping.join();
}

TEST_F(FleetTest, AChangeOfAllReachesEachAndABadOneNone) {
  v1::UpdatePoolRequest request;
  *request.mutable_pool() = All();
  request.set_concurrency(5);
  v1::UpdatePoolResponse response;
  ASSERT_EQ(ToText(pool_stub().UpdatePool(NewContext().get(), request, &response)), "OK");
  ASSERT_THAT(response.pools(), SizeIs(3));
  EXPECT_EQ(response.pools(2).update_pool().concurrency(), 5);
  EXPECT_EQ(second_.pool.Stats().concurrency, 5);
  request.set_concurrency(5000);
  EXPECT_THAT(ToText(pool_stub().UpdatePool(NewContext().get(), request, &response)),
              StartsWith("INVALID_ARGUMENT: concurrency: "));
  EXPECT_EQ(second_.pool.Stats().concurrency, 5);
}

TEST_F(FleetTest, APoolThatDoesNotTakeTheRequestIsNamedAndTheRequestIsGone) {
  AddSilentPool("frozen");
  LetTimePassWhen([this] {
    others_have_answered_ = others_have_answered_ || fleet_store_.CountAnswered() == 2;
    return others_have_answered_;
  });
  v1::StatsResponse response;
  ASSERT_EQ(ToText(Stats(All(), &response)), "OK");
  ASSERT_THAT(response.pools(), SizeIs(4));
  EXPECT_EQ(response.pools(0).worker_id(), "frozen");
  EXPECT_EQ(response.pools(0).pool_name(), "silent");
  EXPECT_EQ(response.pools(0).code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(response.pools(0).message(), HasSubstr("has not taken the request"));
  for (int i = 1; i < 4; ++i) EXPECT_EQ(response.pools(i).code(), 0);
  EXPECT_EQ(fleet_store_.CountRequests(), 0);
  EXPECT_THAT(ToText(Stats(One("frozen"), &response)), StartsWith("UNAVAILABLE: frozen: "));
}

TEST_F(FleetTest, APoolThatIsLostAlreadyIsNotWaitedFor) {
  AddSilentPool("gone", PoolState::kLost);
  v1::StatsResponse response;
  EXPECT_EQ(ToText(Stats(One("gone"), &response)),
            "UNAVAILABLE: gone: its server was last heard of 40s ago");
}

TEST_F(FleetTest, APoolOfAnOlderServerCannotBeAsked) {
  ListedPool pool;
  pool.report.worker_id = "old";
  pool.report.version = "0.0.9";
  fleet_store_.AddPool(pool);
  v1::StatsResponse response;
  EXPECT_EQ(ToText(Stats(One("old"), &response)),
            "UNIMPLEMENTED: old: its server, of version 0.0.9, cannot be asked");
}

TEST_F(FleetTest, APoolThatTakesTheRequestAndDoesNotAnswerInTimeIsNamed) {
  v1::StartResponse started;
  ASSERT_TRUE(Start(One("worker-2"), &started).ok());
  second_.pool.HoldStops();
  LetTimePassWhen([this] { return !second_.pool.stop_timeouts().empty(); });
  v1::StopResponse response;
  EXPECT_THAT(ToText(Stop(One("worker-2"), &response)),
              StartsWith("DEADLINE_EXCEEDED: worker-2: its server has taken the request"));
}

TEST_F(FleetTest, WithoutTheDatabaseOnlyTheOwnPoolCanBeReached) {
  fleet_store_.Fail(absl::UnavailableError("the database is away"));
  v1::StatsResponse response;
  EXPECT_EQ(ToText(Stats(All(), &response)), "UNAVAILABLE: the database is away");
  EXPECT_EQ(ToText(pool_stub().Stats(NewContext().get(), {}, &response)), "OK");
  fleet_store_.Fail(absl::OkStatus());
}

TEST_F(FleetTest, PoolsAreListed) {
  AddSilentPool("gone", PoolState::kLost);
  v1::ListPoolsResponse response;
  ASSERT_EQ(ToText(pool_stub().ListPools(NewContext().get(), {}, &response)), "OK");
  ASSERT_THAT(response.pools(), SizeIs(4));
  EXPECT_EQ(response.pools(0).worker_id(), "gone");
  EXPECT_EQ(response.pools(0).state(), v1::POOL_STATE_LOST);
  EXPECT_EQ(response.pools(0).seen_ago().seconds(), 40);
  EXPECT_EQ(response.pools(1).state(), v1::POOL_STATE_STOPPED);
  EXPECT_EQ(response.pools(1).concurrency(), 10);
}

TEST_F(FleetTest, AServerThatEndsIsListedNoMore) {
  third_.fleet.RequestStop();
  third_.fleet.Join();
  v1::StatsResponse response;
  ASSERT_EQ(ToText(Stats(All(), &response)), "OK");
  EXPECT_THAT(response.pools(), SizeIs(2));
}

}  // namespace
}  // namespace millrace
