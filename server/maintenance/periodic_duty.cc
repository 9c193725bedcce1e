#include "server/maintenance/periodic_duty.h"

#include <string>
#include <utility>

#include "server/base/logging.h"
#include "server/base/named_thread.h"

namespace millrace {

PeriodicDuty::PeriodicDuty(std::function<absl::Status()> duty, Clock& clock, Options options)
    : duty_(std::move(duty)), clock_(clock), options_(std::move(options)) {}

PeriodicDuty::~PeriodicDuty() {
  RequestStop();
  Join();
}

absl::Status PeriodicDuty::Start() {
  MutexLock lock(mutex_);
  if (stopping_) return absl::FailedPreconditionError("was stopped");
  if (thread_.joinable()) return absl::FailedPreconditionError("already running");
  thread_ = StartNamedThread(options_.name, [this] { Run(); });
  return absl::OkStatus();
}

void PeriodicDuty::RequestStop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
}

void PeriodicDuty::Join() {
  if (thread_.joinable()) thread_.join();
}

void PeriodicDuty::Run() {
  while (true) {
    const absl::Status done = duty_();
    if (!done.ok()) spdlog::warn("{}: {}", options_.name, std::string(done.message()));
    MutexLock lock(mutex_);
    const bool stop = clock_.WaitFor(mutex_, changed_,
                                     done.ok() ? options_.interval : options_.retry_pause, [this] {
                                       mutex_.AssertHeld();
                                       return stopping_;
                                     });
    if (stop) return;
  }
}

}  // namespace millrace
