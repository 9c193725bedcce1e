#include "server/rpc/health_service.h"

#include <utility>
#include <vector>

#include "server/rpc/rejected_stream.h"
#include "server/rpc/rpc_call.h"

namespace millrace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

HealthService::HealthService() {
  for (const char* name : {kServerHealth, kWorkerPoolHealth, kJobQueueHealth}) {
    serving_[name] = false;
  }
}

void HealthService::SetServing(const std::string& service, bool serving) {
  {
    MutexLock lock(mutex_);
    serving_[service] = serving;
  }
  RefreshWatches();
}

void HealthService::Retire() {
  {
    MutexLock lock(mutex_);
    retired_ = true;
  }
  RefreshWatches();
}

void HealthService::EndWatches() {
  {
    MutexLock lock(mutex_);
    ended_ = true;
  }
  RefreshWatches();
}

grpc::ServerUnaryReactor* HealthService::Check(grpc::CallbackServerContext* context,
                                               const HealthCheckRequest* request,
                                               HealthCheckResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(RpcCall(*context, "Health/Check").Run([&]() -> absl::Status {
    MutexLock lock(mutex_);
    const ServingStatus status = StatusLocked(request->service());
    if (status == HealthCheckResponse::SERVICE_UNKNOWN) {
      return absl::NotFoundError("service: the server knows none of this name");
    }
    response->set_status(status);
    return absl::OkStatus();
  }));
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthService::Watch(
    grpc::CallbackServerContext* context, const HealthCheckRequest* request) {
  std::shared_ptr<HealthWatch> watch;
  const grpc::Status status = RpcCall(*context, "Health/Watch").Run([&] {
    HealthStatusSource& source = *this;
    watch = std::make_shared<HealthWatch>(request->service(), source);
    MutexLock lock(mutex_);
    watches_.emplace(watch.get(), watch);
    return absl::OkStatus();
  });
  if (!status.ok()) return new RejectedStream<HealthCheckResponse>(status);
  watch->Refresh();
  return watch.get();
}

std::optional<HealthService::ServingStatus> HealthService::StatusNow(const std::string& service) {
  MutexLock lock(mutex_);
  if (ended_) return std::nullopt;
  return StatusLocked(service);
}

void HealthService::OnWatchDone(HealthWatch& watch) {
  // Outlives the lock, since it may be the last reference.
  std::shared_ptr<HealthWatch> last;
  MutexLock lock(mutex_);
  const auto found = watches_.find(&watch);
  last = std::move(found->second);
  watches_.erase(found);
}

HealthService::ServingStatus HealthService::StatusLocked(const std::string& service) const {
  const auto found = serving_.find(service);
  if (found == serving_.end()) return HealthCheckResponse::SERVICE_UNKNOWN;
  return found->second && !retired_ ? HealthCheckResponse::SERVING
                                    : HealthCheckResponse::NOT_SERVING;
}

void HealthService::RefreshWatches() {
  std::vector<std::shared_ptr<HealthWatch>> watches;
  {
    MutexLock lock(mutex_);
    for (const auto& [raw, watch] : watches_) watches.push_back(watch);
  }
  for (const auto& watch : watches) watch->Refresh();
}

}  // namespace millrace
