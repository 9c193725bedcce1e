#pragma once

#include "server/model/attempt.h"
#include "server/model/job_event.h"
#include "server/pool/task_metrics.h"
#include "server/store/pool_store.h"

namespace millrace {

// What is emitted and counted of an attempt once its outcome is recorded. A plain value.
struct AttemptNotice {
  JobEventData event;
  TaskMetrics* metrics = nullptr;
};

// An attempt that has ended and is to be recorded. A plain value.
struct FinishedAttempt {
  // The registration under which its job was claimed.
  WorkerNumber worker = 0;
  AttemptReport report;
  AttemptNotice notice;
};

}  // namespace millrace
