#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "grpc/health/v1/health.grpc.pb.h"
#include "server/base/mutex.h"
#include "server/rpc/health_control.h"
#include "server/rpc/health_watch.h"

namespace millrace {

// The standard health service. It answers from gRPC's callback threads and never waits, so that
// probes reach it whatever the other calls do, and its watches end before the server does, which
// those of the service that comes with gRPC do not. Owned by the RpcServer; destroyed after the
// grpc::Server. Thread-safe.
class HealthService final : public grpc::health::v1::Health::CallbackService,
                            public HealthControl,
                            private HealthStatusSource {
 public:
  // Knows the names of health_control.h; none serves yet.
  HealthService();

  void SetServing(const std::string& service, bool serving) override;
  // None serves any more, whatever SetServing says from now on.
  void Retire();
  // Ends all watches and takes no more.
  void EndWatches();

 private:
  using ServingStatus = grpc::health::v1::HealthCheckResponse::ServingStatus;

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* response) override;
  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context,
      const grpc::health::v1::HealthCheckRequest* request) override;

  std::optional<ServingStatus> StatusNow(const std::string& service) override;
  void OnWatchDone(HealthWatch& watch) override;

  ServingStatus StatusLocked(const std::string& service) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RefreshWatches();

  mutable Mutex mutex_;
  bool retired_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, bool> serving_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<HealthWatch*, std::shared_ptr<HealthWatch>> watches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
