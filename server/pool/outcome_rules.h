#pragma once

#include "absl/time/time.h"
#include "server/model/attempt.h"
#include "server/model/retry_policy.h"
#include "server/store/pool_store.h"
#include "tasks/api/task_context.h"
#include "tasks/api/task_result.h"

namespace millrace {

// How an attempt went, beside what its handler returned. A plain value.
struct AttemptCourse {
  // Why it was asked to stop, if it was.
  StopReason asked = StopReason::kNone;
  // Its time limit; zero for none.
  absl::Duration time_limit;
  absl::Duration execution_time;
  absl::Duration queue_time;
};

// What makes an outcome of what a handler returned (contract A9). A plain value.
struct OutcomeRules {
  RetryPolicy retry;
  int max_interruptions = 100;

  // What to record of an attempt.
  AttemptReport Report(const ClaimedJob& claimed, TaskResult result,
                       const AttemptCourse& course) const;
  // The same for a job that no handler is registered for.
  static AttemptReport ReportNoHandler(const ClaimedJob& claimed, absl::Duration queue_time);
};

}  // namespace millrace
