#pragma once

#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/lifecycle.h"
#include "server/base/mutex.h"
#include "server/store/maintenance_store.h"

namespace millrace {

// Makes the partitions of coming weeks ahead of time. What is added without them lands in the rest
// partition: adding never depends on this duty, only its speed and retention do. Every server does
// it; who comes second finds nothing to do. Its thread is "partitions". A failure is logged and
// tried again after retry_pause. Owned by the service graph. Thread-safe.
class PartitionMaintainer final : public Lifecycle {
 public:
  struct Options {
    absl::Duration interval = absl::Hours(6);
    absl::Duration retry_pause = absl::Minutes(1);
  };

  PartitionMaintainer(MaintenanceStore& store, Clock& clock, Options options);
  ~PartitionMaintainer() override;

  // FAILED_PRECONDITION if it runs or was stopped.
  absl::Status Start() override;
  void RequestStop() override;
  void Join() override;

 private:
  void Run();

  // Constant after construction.
  MaintenanceStore& store_;
  Clock& clock_;
  const Options options_;

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace millrace
