#include "server/rpc/rpc_server.h"

#include <chrono>
#include <utility>

#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "server/rpc/event_feed.h"
#include "server/rpc/grpc_log.h"
#include "server/rpc/health_service.h"
#include "server/rpc/job_queue_service.h"
#include "server/rpc/job_watcher.h"
#include "server/rpc/listen_address.h"
#include "server/rpc/worker_pool_service.h"

namespace millrace {
namespace {

// gRPC's synchronous server waits for calls with these, besides the threads that work on calls.
constexpr int kPollers = 2;

// Long streams stay open: both sides may ping, also while nothing is sent, and a peer that has
// vanished is noticed within 40 s.
void SetKeepalive(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
}

void SetLimits(const RpcServerOptions& options, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, kPollers);
  grpc::ResourceQuota quota("millrace");
  quota.SetMaxThreads(options.max_job_calls + kPollers);
  builder.SetResourceQuota(quota);
  // A second server must not share the port unnoticed.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

EventFeed::Options FeedOptions(const RpcServerOptions& options) {
  EventFeed::Options feed;
  feed.max_streams = options.max_event_streams;
  return feed;
}

}  // namespace

RpcServer::RpcServer(RpcServerOptions options, const Backends& backends)
    : options_(std::move(options)),
      health_(std::make_unique<HealthService>()),
      feed_(std::make_unique<EventFeed>(backends.emitter, backends.clock, backends.metrics,
                                        FeedOptions(options_))),
      watcher_(std::make_unique<JobWatcher>(backends.watch_store, backends.emitter, backends.clock,
                                            JobWatcher::Options())),
      worker_pool_(std::make_unique<WorkerPoolService>(backends.commands, backends.fleet,
                                                       backends.emitter, *feed_)),
      job_queue_(
          std::make_unique<JobQueueService>(backends.store, backends.pool, *watcher_, options_)) {}

RpcServer::~RpcServer() { Shutdown(absl::ZeroDuration()); }

absl::Status RpcServer::Start() {
  absl::Status started = StartAll();
  if (!started.ok()) Shutdown(absl::ZeroDuration());
  return started;
}

absl::Status RpcServer::StartAll() {
  for (const std::string& address : options_.listen_addresses) {
    if (absl::Status free = CheckListenAddress(address); !free.ok()) return free;
  }
  SendGrpcLogToOurs();
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  if (absl::Status started = worker_pool_->StartLanes(); !started.ok()) return started;
  if (absl::Status started = feed_->Start(); !started.ok()) return started;
  if (absl::Status started = watcher_->Start(); !started.ok()) return started;
  grpc::ServerBuilder builder;
  SetKeepalive(builder);
  SetLimits(options_, builder);
  builder.RegisterService(health_.get());
  builder.RegisterService(worker_pool_.get());
  builder.RegisterService(job_queue_.get());
  return Listen(builder);
}

absl::Status RpcServer::Listen(grpc::ServerBuilder& builder) {
  std::vector<int> ports(options_.listen_addresses.size());
  for (size_t i = 0; i < ports.size(); ++i) {
    builder.AddListeningPort(options_.listen_addresses[i], grpc::InsecureServerCredentials(),
                             &ports[i]);
  }
  server_ = builder.BuildAndStart();
  for (size_t i = 0; i < ports.size(); ++i) {
    const std::string& address = options_.listen_addresses[i];
    if (server_ != nullptr && ports[i] != 0) {
      addresses_.push_back(WithPort(address, ports[i]));
      continue;
    }
    // Somebody may have taken it just now.
    if (absl::Status free = CheckListenAddress(address); !free.ok()) return free;
    if (server_ != nullptr) return CannotListen(address, "gRPC cannot use it");
  }
  if (server_ != nullptr) return absl::OkStatus();
  return CannotListen(options_.listen_addresses.front(), "gRPC cannot use it");
}

void RpcServer::SetServing(const std::string& service, bool serving) {
  health_->SetServing(service, serving);
}

void RpcServer::Shutdown(absl::Duration grace) {
  {
    MutexLock lock(shutdown_mutex_);
    while (life_ == Life::kShuttingDown) shutdown_changed_.Wait(shutdown_mutex_);
    if (life_ == Life::kShutDown) return;
    life_ = Life::kShuttingDown;
  }
  health_->Retire();
  feed_->RequestStop();
  watcher_->RequestStop();
  worker_pool_->StopLanes();
  health_->EndWatches();
  if (server_ != nullptr) {
    // gRPC measures by the machine's clock.
    server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(grace));
    server_->Wait();
  }
  feed_->Join();
  watcher_->Join();
  MutexLock lock(shutdown_mutex_);
  life_ = Life::kShutDown;
  shutdown_changed_.NotifyAll();
}

}  // namespace millrace
