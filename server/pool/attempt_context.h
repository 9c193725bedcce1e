#pragma once

#include <optional>
#include <string>

#include "server/base/clock.h"
#include "server/pool/progress_reporter.h"
#include "server/pool/worker_slot.h"
#include "server/store/pool_store.h"
#include "tasks/api/task_context.h"

namespace millrace {

// What a handler sees of its attempt, which the slot runs. Lives on the worker's stack while the
// handler runs. Threads as TaskContext says.
class AttemptContext final : public TaskContext {
 public:
  AttemptContext(const ClaimedJob& claimed, const std::string& worker_id, WorkerSlot& slot,
                 ProgressReporter& progress, Clock& clock)
      : claimed_(claimed), worker_id_(worker_id), slot_(slot), progress_(progress), clock_(clock) {}

  const Job& job() const override { return claimed_.job; }
  const std::string& worker_id() const override { return worker_id_; }
  const std::optional<PartialSuccess>& last_partial_success() const override {
    return claimed_.last_partial_success;
  }
  std::stop_token stop_token() const override { return slot_.stop_token(); }
  StopReason stop_reason() const override { return slot_.stop_reason(); }
  absl::Duration TimeLeft() const override { return slot_.deadline() - clock_.Monotonic(); }
  bool WaitFor(absl::Duration duration) override { return slot_.WaitFor(duration); }
  void Log(LogLevel level, const std::string& message) override;

  // For whoever called the handler, once it has ended: no progress of it is told any more. Returns
  // whether any may have been.
  bool EndProgress();

 private:
  void KeepProgress(JobProgress progress) override;

  const ClaimedJob& claimed_;
  const std::string& worker_id_;
  WorkerSlot& slot_;
  ProgressReporter& progress_;
  Clock& clock_;
  bool has_progress_ = false;
};

}  // namespace millrace
