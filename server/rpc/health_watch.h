#pragma once

#include <memory>
#include <optional>
#include <string>

#include "grpc/health/v1/health.pb.h"
#include "grpcpp/support/server_callback.h"
#include "server/base/mutex.h"

namespace millrace {

class HealthWatch;

// Where watches learn what to send. Called from any thread; must not call a watch back.
class HealthStatusSource {
 public:
  virtual ~HealthStatusSource() = default;
  // The status of a service now; nothing if watches are to end.
  virtual std::optional<grpc::health::v1::HealthCheckResponse::ServingStatus> StatusNow(
      const std::string& service) = 0;
  // gRPC will not touch the watch any more.
  virtual void OnWatchDone(HealthWatch& watch) = 0;
};

// The stream of one caller of Health/Watch: sends the status now and after each change, the latest
// as soon as the write before it is done. Shared by the HealthService, from which only OnWatchDone
// takes it, and whoever refreshes it. Thread-safe.
class HealthWatch final : public grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>,
                          public std::enable_shared_from_this<HealthWatch> {
 public:
  HealthWatch(std::string service, HealthStatusSource& source);

  // Looks at the source again, and does what follows; the one place that writes and finishes.
  void Refresh();

 private:
  enum class Step { kNone, kWrite, kFinish };

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override { source_.OnWatchDone(*this); }
  Step NextStep() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string service_;
  HealthStatusSource& source_;

  Mutex mutex_;
  std::optional<grpc::health::v1::HealthCheckResponse::ServingStatus> sent_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  // The message being written; changed only while none is.
  grpc::health::v1::HealthCheckResponse message_;
};

}  // namespace millrace
