#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "server/base/named_thread.h"
#include "tests/rpc/rpc_fixture.h"
#include "tests/support/eventually.h"

namespace millrace {

// A server but for gRPC.
struct OtherServer {
  OtherServer(const std::string& worker_id, FakeFleetStore& store, Clock& clock)
      : pool(worker_id),
        commands(pool, store, clock),
        fleet(store, commands, {.worker_id = worker_id, .pool_name = "pool-of-tests"}, clock, {}) {}

  FakePoolControl pool;
  PoolCommands commands;
  Fleet fleet;
};

// Three servers in one process that share a fake database: this one, with gRPC, and two more.
class FleetFixture : public RpcFixture {
 public:
  ~FleetFixture() override {
    done_ = true;
    if (ticker_.joinable()) ticker_.join();
    for (FakePoolControl* pool : {&pool_, &second_.pool, &third_.pool}) pool->ReleaseStops();
  }

 protected:
  FleetFixture() {
    fleet_store_.OnNotify([this] {
      for (Fleet* fleet : {&fleet_, &second_.fleet, &third_.fleet}) fleet->Wake();
    });
    StartServer();
    for (OtherServer* other : {&second_, &third_}) {
      EXPECT_EQ(other->fleet.Start(), absl::OkStatus());
    }
    EXPECT_TRUE(Eventually([this] {
      return fleet_store_.HasReported("worker-1") && fleet_store_.HasReported("worker-2") &&
             fleet_store_.HasReported("worker-3");
    }));
  }
  // Lets time pass quickly once `begin` holds.
  void LetTimePassWhen(const std::function<bool()>& begin) {
    ticker_ = StartNamedThread("ticker", [this, begin] {
      while (!done_) {
        if (begin()) clock_.Advance(absl::Milliseconds(100));
        std::this_thread::yield();
      }
    });
  }

  static v1::PoolSelector All() {
    v1::PoolSelector selector;
    selector.set_all(true);
    return selector;
  }
  static v1::PoolSelector One(const std::string& worker_id) {
    v1::PoolSelector selector;
    selector.set_worker_id(worker_id);
    return selector;
  }
  grpc::Status Stats(const v1::PoolSelector& pool, v1::StatsResponse* response) {
    v1::StatsRequest request;
    *request.mutable_pool() = pool;
    return pool_stub().Stats(NewContext().get(), request, response);
  }
  grpc::Status Start(const v1::PoolSelector& pool, v1::StartResponse* response) {
    v1::StartRequest request;
    *request.mutable_pool() = pool;
    return pool_stub().Start(NewContext().get(), request, response);
  }
  grpc::Status Stop(const v1::PoolSelector& pool, v1::StopResponse* response) {
    v1::StopRequest request;
    *request.mutable_pool() = pool;
    request.mutable_timeout()->set_seconds(7);
    return pool_stub().Stop(NewContext().get(), request, response);
  }
  // Starts the second pool and a thread that stops it, which ends after ReleaseStops.
  std::thread StopSecondAndHoldIt() {
    v1::StartResponse started;
    EXPECT_TRUE(Start(One("worker-2"), &started).ok());
    second_.pool.HoldStops();
    std::thread stopping = StartNamedThread("stopping", [this] {
      v1::StopResponse stopped;
      EXPECT_EQ(ToText(Stop(One("worker-2"), &stopped)), "OK");
    });
    second_.pool.AwaitStopCalls(1);
    return stopping;
  }
  // Stops the second pool while nobody's time passes; the servers are woken again and again, as
  // they look by themselves.
  void StopThroughTheFleet() {
    std::atomic<bool> stopped = false;
    v1::StopResponse response;
    std::thread stopping = StartNamedThread("stopping", [&] {
      EXPECT_EQ(ToText(Stop(One("worker-2"), &response)), "OK");
      stopped = true;
    });
    EXPECT_TRUE(Eventually([&] {
      second_.fleet.Wake();
      fleet_.Wake();
      return stopped.load();
    }));
    stopping.join();
    EXPECT_EQ(response.finished(), 1);
  }
  void AddSilentPool(const std::string& worker_id, PoolState state = PoolState::kRunning) {
    ListedPool pool;
    pool.report.worker_id = worker_id;
    pool.report.pool_name = "silent";
    pool.report.state = state;
    pool.seen_ago = absl::Seconds(40);
    fleet_store_.AddPool(pool);
  }

  OtherServer second_{"worker-2", fleet_store_, clock_};
  OtherServer third_{"worker-3", fleet_store_, clock_};
  std::atomic<bool> done_ = false;
  // Used by the ticker.
  bool others_have_answered_ = false;
  std::thread ticker_;
};

}  // namespace millrace
