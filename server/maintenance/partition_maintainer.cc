#include "server/maintenance/partition_maintainer.h"

#include <string>

#include "server/base/logging.h"
#include "server/base/named_thread.h"

namespace millrace {

PartitionMaintainer::PartitionMaintainer(MaintenanceStore& store, Clock& clock, Options options)
    : store_(store), clock_(clock), options_(options) {}

PartitionMaintainer::~PartitionMaintainer() {
  RequestStop();
  Join();
}

absl::Status PartitionMaintainer::Start() {
  MutexLock lock(mutex_);
  if (stopping_) return absl::FailedPreconditionError("was stopped");
  if (thread_.joinable()) return absl::FailedPreconditionError("already running");
  thread_ = StartNamedThread("partitions", [this] { Run(); });
  return absl::OkStatus();
}

void PartitionMaintainer::RequestStop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
}

void PartitionMaintainer::Join() {
  if (thread_.joinable()) thread_.join();
}

void PartitionMaintainer::Run() {
  while (true) {
    const absl::Status made = store_.EnsurePartitions();
    if (!made.ok())
      spdlog::warn("cannot make partitions ahead of time: {}", std::string(made.message()));
    MutexLock lock(mutex_);
    const bool stop = clock_.WaitFor(mutex_, changed_,
                                     made.ok() ? options_.interval : options_.retry_pause, [this] {
                                       mutex_.AssertHeld();
                                       return stopping_;
                                     });
    if (stop) return;
  }
}

}  // namespace millrace
