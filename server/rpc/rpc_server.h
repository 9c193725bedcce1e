#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/events/event_emitter.h"
#include "server/metrics/metrics.h"
#include "server/rpc/health_control.h"
#include "server/rpc/pool_control.h"
#include "server/rpc/rpc_server_options.h"
#include "server/store/job_store.h"
#include "server/store/job_watch_store.h"

namespace grpc {
class Server;
class ServerBuilder;
}  // namespace grpc

namespace millrace {

class EventFeed;
class Fleet;
class HealthService;
class JobQueueService;
class JobWatcher;
class PoolCommands;
class WorkerPoolService;

// The gRPC server with all its services: WorkerPool, JobQueue, health and reflection. Owned by the
// service graph; what it is given outlives it. Thread-safe,
// but Start is called once, and nothing else while it runs.
class RpcServer final : public HealthControl {
 public:
  // What the services work on.
  struct Backends {
    PoolControl& pool;
    JobStore& store;
    JobWatchStore& watch_store;
    EventEmitter& emitter;
    Clock& clock;
    MetricsRegistry& metrics;
    PoolCommands& commands;
    Fleet& fleet;
  };

  // REQUIRES: options.Validate().ok(). Does no I/O and starts no thread.
  RpcServer(RpcServerOptions options, const Backends& backends);
  // As Shutdown(absl::ZeroDuration()), and waits until a Stop of the pool that a caller began has
  // ended.
  ~RpcServer() override;

  // Listens and serves. One line that says what is wrong and how to mend it if it cannot listen on
  // one of the addresses (UNAVAILABLE if another process does); nothing is left started then.
  absl::Status Start();

  // Where it listens, with the ports that were chosen. Empty before Start.
  const std::vector<std::string>& addresses() const { return addresses_; }

  // Until told otherwise, no service serves.
  void SetServing(const std::string& service, bool serving) override;

  // Not ready any more; ends calls that wait for the pool or for jobs with UNAVAILABLE, and so the
  // event streams, behind what was emitted until now; takes no more calls, lets those in hand, and
  // subscribers that still read, end for up to `grace`, then cancels them. Returns when all have
  // ended. Never call it from a thread of gRPC. A second call waits for the first.
  void Shutdown(absl::Duration grace);

 private:
  absl::Status StartAll();
  absl::Status Listen(grpc::ServerBuilder& builder);

  const RpcServerOptions options_;
  std::unique_ptr<HealthService> health_;
  std::unique_ptr<EventFeed> feed_;
  std::unique_ptr<JobWatcher> watcher_;
  std::unique_ptr<WorkerPoolService> worker_pool_;
  std::unique_ptr<JobQueueService> job_queue_;
  // Set by Start.
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::string> addresses_;

  Mutex shutdown_mutex_;
  CondVar shutdown_changed_;
  enum class Life { kServing, kShuttingDown, kShutDown };
  Life life_ ABSL_GUARDED_BY(shutdown_mutex_) = Life::kServing;
};

}  // namespace millrace
