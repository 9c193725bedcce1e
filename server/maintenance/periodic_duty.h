#pragma once

#include <functional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/lifecycle.h"
#include "server/base/mutex.h"

namespace millrace {

// Does a duty of upkeep at once and then again and again, in a thread of its own that has the name
// of the duty. Every server does it; who comes second must find nothing to do. A failure is logged
// and tried again after retry_pause. Owned by the service graph. Thread-safe.
class PeriodicDuty final : public Lifecycle {
 public:
  struct Options {
    // Of the thread, and in the log; such as "partitions".
    std::string name;
    absl::Duration interval;
    absl::Duration retry_pause = absl::Minutes(1);
  };

  // `duty` is called in the thread, and may block.
  PeriodicDuty(std::function<absl::Status()> duty, Clock& clock, Options options);
  ~PeriodicDuty() override;

  // FAILED_PRECONDITION if it runs or was stopped.
  absl::Status Start() override;
  void RequestStop() override;
  void Join() override;

 private:
  void Run();

  // Constant after construction.
  const std::function<absl::Status()> duty_;
  Clock& clock_;
  const Options options_;

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace millrace
