#pragma once

#include <memory>
#include <string>

#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"
#include "millrace/v1/job_queue.grpc.pb.h"
#include "millrace/v1/worker_pool.grpc.pb.h"
#include "server/base/mutex.h"
#include "server/events/event_emitter.h"
#include "server/rpc/fleet.h"
#include "server/rpc/pool_commands.h"
#include "server/rpc/rpc_server.h"
#include "tests/rpc/fake_fleet_store.h"
#include "tests/rpc/fake_job_store.h"
#include "tests/rpc/fake_metrics_registry.h"
#include "tests/rpc/fake_pool_control.h"
#include "tests/support/fake_clock.h"

namespace millrace {

// A whole service over a fake pool and a fake store, called through a real channel.
class RpcFixture : public testing::Test {
 protected:
  explicit RpcFixture(EventEmitter::Options emitter_options = {});

  // Starts it with these options, on a free port. Called once, by the first use of a stub if not
  // before.
  void StartServer(RpcServerOptions options = {});
  std::shared_ptr<grpc::Channel> Channel();
  // A channel with a connection of its own.
  std::shared_ptr<grpc::Channel> NewChannel();
  // From any thread.
  v1::JobQueue::Stub& jobs();
  v1::WorkerPool::Stub& pool_stub();

  FakeClock clock_;
  FakeMetricsRegistry metrics_;
  EventEmitter emitter_;
  FakePoolControl pool_;
  FakeJobStore store_;
  FakeFleetStore fleet_store_{clock_};
  PoolCommands commands_{pool_, fleet_store_, clock_};
  Fleet fleet_{
      fleet_store_, commands_, {.worker_id = "worker-1", .pool_name = "pool-of-tests"}, clock_, {}};
  std::unique_ptr<RpcServer> server_;

 private:
  std::shared_ptr<grpc::Channel> channel_;
  Mutex stubs_mutex_;
  std::unique_ptr<v1::JobQueue::Stub> jobs_ ABSL_GUARDED_BY(stubs_mutex_);
  std::unique_ptr<v1::WorkerPool::Stub> pool_stub_ ABSL_GUARDED_BY(stubs_mutex_);
};

// The context of a call that ends after a minute: a test that hangs fails.
std::unique_ptr<grpc::ClientContext> NewContext();

// "INVALID_ARGUMENT: job: must be set", or "OK".
std::string ToText(const grpc::Status& status);

}  // namespace millrace
