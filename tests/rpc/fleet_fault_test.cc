// Calls that name other pools, where replies of the database are lost or calls of a pool wait.

#include <atomic>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/named_thread.h"
#include "tests/rpc/fleet_fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/gate.h"

namespace millrace {
namespace {

using testing::SizeIs;
using testing::StartsWith;

class FleetFaultTest : public FleetFixture {
 protected:
  // Lets this server read answers once more, from the beginning to the end.
  void ReadOnce() {
    const int before = fleet_store_.reads();
    EXPECT_TRUE(Eventually([&] {
      fleet_.Wake();
      return fleet_store_.reads() >= before + 2;
    }));
  }
};

TEST_F(FleetFaultTest, AStopIsAnsweredAlthoughItsAnswerWasLostAtFirst) {
  v1::StartResponse started;
  ASSERT_TRUE(Start(One("worker-2"), &started).ok());
  fleet_store_.LoseAnswers(2);
  StopThroughTheFleet();
  EXPECT_THAT(second_.pool.stop_timeouts(), SizeIs(1));
}

TEST_F(FleetFaultTest, AnAnswerThatTheDatabaseRefusesIsSaidToBeLost) {
  fleet_store_.LoseAnswers(1, absl::InvalidArgumentError("not a text"));
  std::atomic<bool> started = false;
  v1::StartResponse response;
  std::thread starting = StartNamedThread("starting", [&] {
    EXPECT_EQ(ToText(Start(One("worker-2"), &response)),
              "INTERNAL: worker-2: its answer cannot be passed on: not a text");
    started = true;
  });
  EXPECT_TRUE(Eventually([&] {
    second_.fleet.Wake();
    fleet_.Wake();
    return started.load();
  }));
  starting.join();
}

TEST_F(FleetFaultTest, ARequestThatWasTakenByACallWhoseReplyWasLostIsCarriedOutOnce) {
  v1::StartResponse started;
  ASSERT_TRUE(Start(One("worker-2"), &started).ok());
  fleet_store_.LoseTakes(2);
  StopThroughTheFleet();
  EXPECT_THAT(second_.pool.stop_timeouts(), SizeIs(1));
}

TEST_F(FleetFaultTest, WhatIsInHandIsNotTakenAgain) {
  std::thread stopping = StopSecondAndHoldIt();
  // These are taken in rounds of the fleet's thread, each of which could take the Stop again.
  v1::StatsResponse stats;
  for (int i = 0; i < 3; ++i) ASSERT_EQ(ToText(Stats(One("worker-2"), &stats)), "OK");
  second_.pool.ReleaseStops();
  stopping.join();
  EXPECT_THAT(second_.pool.stop_timeouts(), SizeIs(1));
}

TEST_F(FleetFaultTest, AStartThatWaitsKeepsItsServerFromNothingElse) {
  Gate gate;
  second_.pool.HoldStartsAt(&gate);
  v1::StartResponse started;
  std::thread starting = StartNamedThread(
      "starting", [&] { EXPECT_EQ(ToText(Start(One("worker-2"), &started)), "OK"); });
  ASSERT_TRUE(gate.WaitForArrivals(1));
  v1::StatsResponse stats;
  EXPECT_EQ(ToText(Stats(One("worker-2"), &stats)), "OK");
  v1::ForceStopRequest force;
  *force.mutable_pool() = One("worker-2");
  v1::ForceStopResponse asked;
  EXPECT_EQ(ToText(pool_stub().ForceStop(NewContext().get(), force, &asked)),
            "FAILED_PRECONDITION: worker-2: not running");
  gate.Open();
  starting.join();
}

// The thread that reads answers for all may be held up by the database.
TEST_F(FleetFaultTest, ARequestThatWasTakenIsNotGivenUpSinceNobodyReadThatItWas) {
  v1::StartResponse started;
  ASSERT_TRUE(Start(One("worker-2"), &started).ok());
  second_.pool.HoldStops();
  Gate gate;
  const int first = fleet_store_.reads() + 1;
  fleet_store_.OnRead([&gate, first](int read) {
    if (read == first) gate.Pass();
  });
  std::atomic<bool> stopped = false;
  v1::StopResponse response;
  std::thread stopping = StartNamedThread("stopping", [&] {
    EXPECT_EQ(ToText(Stop(One("worker-2"), &response)), "OK");
    stopped = true;
  });
  ASSERT_TRUE(gate.WaitForArrivals(1));
  second_.pool.AwaitStopCalls(1);
  // Longer than a request may wait to be taken: the caller looks by himself.
  clock_.Advance(absl::Seconds(6));
  EXPECT_TRUE(Eventually([&] { return fleet_store_.reads() > first || stopped; }));
  gate.Open();
  second_.pool.ReleaseStops();
  stopping.join();
}

TEST_F(FleetFaultTest, WithoutATimeoutAndADeadlineAStopIsWaitedForADay) {
  v1::StartResponse started;
  ASSERT_TRUE(Start(One("worker-2"), &started).ok());
  second_.pool.HoldStops();
  std::thread stopping = StartNamedThread("stopping", [&] {
    v1::StopRequest request;
    *request.mutable_pool() = One("worker-2");
    grpc::ClientContext context;
    v1::StopResponse response;
    EXPECT_THAT(ToText(pool_stub().Stop(&context, request, &response)),
                StartsWith("DEADLINE_EXCEEDED: worker-2: its server has taken the request"));
  });
  second_.pool.AwaitStopCalls(1);
  clock_.Advance(absl::Hours(24) + absl::Minutes(1));
  stopping.join();
}

// As when the database comes back, and not all have reported again.
TEST_F(FleetFaultTest, AServerThatIsSilentForAMomentIsNotLost) {
  std::thread stopping = StopSecondAndHoldIt();
  fleet_store_.SetSilent("worker-2", true);
  ReadOnce();
  clock_.Advance(absl::Seconds(4));
  ReadOnce();
  fleet_store_.SetSilent("worker-2", false);
  ReadOnce();
  second_.pool.ReleaseStops();
  stopping.join();
}

TEST_F(FleetFaultTest, AServerThatStaysSilentIsLost) {
  v1::StartResponse started;
  ASSERT_TRUE(Start(One("worker-2"), &started).ok());
  second_.pool.HoldStops();
  std::atomic<bool> stopped = false;
  v1::StopResponse response;
  std::thread stopping = StartNamedThread("stopping", [&] {
    EXPECT_EQ(ToText(Stop(One("worker-2"), &response)),
              "UNAVAILABLE: worker-2: its server was lost while it carried the request out");
    stopped = true;
  });
  second_.pool.AwaitStopCalls(1);
  fleet_store_.SetSilent("worker-2", true);
  ReadOnce();
  clock_.Advance(absl::Seconds(5));
  EXPECT_TRUE(Eventually([&] {
    fleet_.Wake();
    return stopped.load();
  }));
  stopping.join();
}

TEST_F(FleetFaultTest, ARequestThatTheDatabaseHasAlthoughItDidNotSaySoIsAnswered) {
  fleet_store_.DoubtAsks(/*asked=*/true);
  v1::StartResponse started;
  EXPECT_EQ(ToText(Start(One("worker-2"), &started)), "OK");
  EXPECT_EQ(fleet_store_.CountRequests(), 0);
}

TEST_F(FleetFaultTest, ARequestThatTheDatabaseDoesNotHaveAfterAllIsNotCarriedOut) {
  fleet_store_.DoubtAsks(/*asked=*/false);
  LetTimePassWhen([] { return true; });
  v1::StartResponse started;
  EXPECT_THAT(ToText(Start(One("worker-2"), &started)),
              StartsWith("UNAVAILABLE: worker-2: its server has not taken the request in time, and "
                         "does not carry it out any more"));
}

TEST_F(FleetFaultTest, ARequestOfWhichTheDatabaseSaysNothingIsSaidToBeInDoubt) {
  fleet_store_.DoubtAsks(/*asked=*/false);
  fleet_store_.OnRead([this](int) { fleet_store_.Fail(absl::UnavailableError("away")); });
  LetTimePassWhen([] { return true; });
  v1::StartResponse started;
  EXPECT_THAT(ToText(Start(One("worker-2"), &started)),
              StartsWith("UNAVAILABLE: worker-2: the database does not say whether its server has "
                         "the request, which may still carry it out"));
}

}  // namespace
}  // namespace millrace
