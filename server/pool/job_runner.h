#pragma once

#include <atomic>
#include <string>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/pool/attempt_context.h"
#include "server/pool/deadline_watch.h"
#include "server/pool/lease_state.h"
#include "server/pool/outcome_recorder.h"
#include "server/pool/outcome_rules.h"
#include "server/pool/pool_config.h"
#include "server/pool/task_table.h"
#include "server/pool/worker_slots.h"
#include "server/queue/local_queue.h"

namespace millrace {

// Runs one attempt of a job from the local queue and hands its outcome to the recorder. A job whose
// lease is not safe any more, or that was reached by a forced stop before its handler began, is
// given back instead. Owned by a run of the pool. Thread-safe: every worker calls it.
class JobRunner {
 public:
  JobRunner(const PoolConfig& config, const TaskTable& tasks, const LeaseState& lease,
            WorkerSlots& slots, DeadlineWatch& watch, OutcomeRecorder& recorder,
            AttemptContext::Parts parts);

  enum class Ended { kNotRun, kFinished, kInterrupted };

  // Runs it in this thread, to its end.
  Ended Run(QueuedJob job, WorkerSlot& slot);

  // No handler begins any more.
  void RefuseStarts() { refuse_starts_ = true; }

 private:
  struct Limits {
    // Zero for none.
    absl::Duration time;
    const RetryPolicy* retry;
  };

  Limits LimitsOf(const TaskRegistry::Task& task) const;
  bool MayStart(const QueuedJob& job, absl::Duration now) const;
  // Whether the handler may begin: its start, if it is the last attempt, is on record. Otherwise
  // the job has gone its way.
  bool BeginAttempt(QueuedJob& job, WorkerSlot& slot, absl::Duration& started,
                    absl::Duration time_limit);
  bool RecordLastStart(QueuedJob& job, WorkerSlot& slot);
  void GiveBack(QueuedJob& job, WorkerSlot& slot);
  TaskResult CallHandler(const TaskRegistry::Task& task, AttemptContext& context);
  // What comes after the handler. If it has a transaction of its own and has completed, it is that
  // which decides; any other end rolls it back.
  Ended EndAttempt(QueuedJob& job, TaskResult result, const AttemptCourse& course,
                   const OutcomeRules& rules, AttemptContext& context, TaskMetrics* metrics);
  // Hands on what became of the transaction, which was not rolled back for a fault of its own.
  // `otherwise` is the report if it did not commit after all.
  void AddCompletion(QueuedJob job, const Completion& completion, AttemptReport report,
                     AttemptReport otherwise, TaskMetrics* metrics);
  static FinishedAttempt MakeFinished(QueuedJob job, AttemptReport report, TaskMetrics* metrics);
  void Finish(QueuedJob job, AttemptReport report, TaskMetrics* metrics);

  // Constant after construction.
  const PoolConfig& config_;
  const TaskTable& tasks_;
  const LeaseState& lease_;
  WorkerSlots& slots_;
  DeadlineWatch& watch_;
  OutcomeRecorder& recorder_;
  const AttemptContext::Parts parts_;
  Clock& clock_;

  std::atomic<bool> refuse_starts_{false};
};

}  // namespace millrace
