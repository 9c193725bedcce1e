#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/base/clock.h"
#include "server/pool/attempt_transaction.h"
#include "server/pool/handler_services.h"
#include "server/pool/progress_reporter.h"
#include "server/pool/worker_slot.h"
#include "server/store/pool_store.h"
#include "tasks/api/task_context.h"

namespace millrace {

// What a handler sees of its attempt, which the slot runs. Lives on the worker's stack until the
// outcome of the attempt is handed on. Threads as TaskContext says.
class AttemptContext final : public TaskContext {
 public:
  // What all attempts of a run share.
  struct Parts {
    const std::string& worker_id;
    const HandlerServices& handlers;
    ProgressReporter& progress;
    // Called when jobs were added that are due.
    std::function<void()> on_added;
    Clock& clock;
  };

  AttemptContext(const ClaimedJob& claimed, WorkerSlot& slot, const Parts& parts)
      : claimed_(claimed), slot_(slot), parts_(parts) {}

  const Job& job() const override { return claimed_.job; }
  const std::string& worker_id() const override { return parts_.worker_id; }
  const std::optional<PartialSuccess>& last_partial_success() const override {
    return claimed_.last_partial_success;
  }
  std::stop_token stop_token() const override { return slot_.stop_token(); }
  StopReason stop_reason() const override { return slot_.stop_reason(); }
  absl::Duration TimeLeft() const override { return slot_.deadline() - parts_.clock.Monotonic(); }
  bool WaitFor(absl::Duration duration) override { return slot_.WaitFor(duration); }
  void Log(LogLevel level, const std::string& message) override;
  absl::StatusOr<AddedJob> AddJob(JobSpec spec) override;
  absl::StatusOr<std::vector<AddedJob>> AddJobs(std::vector<JobSpec> specs) override;
  absl::StatusOr<TaskTransaction*> BeginTransaction() override;

  // These are for whoever called the handler, once it has ended. No progress of it is told any
  // more; returns whether any may have been.
  bool EndProgress();
  // Nothing if the handler has begun none.
  AttemptTransaction* transaction() { return transaction_ ? &*transaction_ : nullptr; }
  // Rolls the transaction back, unless it was completed.
  void EndTransaction() { transaction_.reset(); }

 private:
  void KeepProgress(JobProgress progress) override;
  absl::StatusOr<std::vector<AddedJob>> Add(const std::vector<JobSpec>& specs);

  const ClaimedJob& claimed_;
  WorkerSlot& slot_;
  const Parts& parts_;
  std::optional<AttemptTransaction> transaction_;
  bool has_progress_ = false;
};

}  // namespace millrace
