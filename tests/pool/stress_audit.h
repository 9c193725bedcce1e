#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "server/base/mutex.h"
#include "server/pool/pool_stats.h"
#include "server/store/job_store.h"
#include "tests/pool/run_ledger.h"
#include "tests/support/recording_event_listener.h"
#include "tests/support/test_schema.h"

namespace millrace {

// What those who add and end jobs were answered. Thread-safe.
class CallersLedger {
 public:
  void NoteAdded(const std::vector<AddedJob>& jobs);
  void NoteEnded(JobEnding ending, const std::vector<JobId>& ids,
                 const std::vector<EndResult>& results);

  int64_t CountAdded() const;
  // Up to `count` of those that were added last.
  std::vector<JobId> LastAdded(size_t count) const;
  std::map<JobId, EndResult> Answers(JobEnding ending) const;

 private:
  mutable Mutex mutex_;
  std::vector<JobId> added_ ABSL_GUARDED_BY(mutex_);
  // Of all answers for a job the one that says the most: whoever comes later finds it ended.
  std::map<JobEnding, std::map<JobId, EndResult>> answers_ ABSL_GUARDED_BY(mutex_);
};

// Compares, when all jobs have ended and the pool has stopped, what handlers, callers, the tables,
// the counters and the events say, and fails the test where they differ. Borrows everything. Used
// from one thread.
class StressAudit {
 public:
  StressAudit(TestSchema& schema, JobStore& jobs, const RecordingEventListener& events,
              const RunLedger& runs, const CallersLedger& callers)
      : schema_(schema), jobs_(jobs), events_(events), runs_(runs), callers_(callers) {}

  // `starts` is how often the pool was started.
  void Check(const PoolStats& stats, int starts);
  // Such as "seed 7, jobs 5, ...": what the stress came to.
  std::string Summary(const PoolStats& stats);

 private:
  void CheckJobs();
  // Of jobs that were to be ended one way and never the other.
  void CheckEndedByOperators(JobEnding ending);
  void CheckRuns();
  void CheckBookings();
  void CheckCounters(const PoolStats& stats);
  void CheckEvents(int starts);
  void CheckProgressEvents();
  int64_t CountIn(const std::string& table_and_condition);
  int64_t CountOutcomes(const std::string& letter);
  int64_t CountEvents(EventType type) const;

  TestSchema& schema_;
  JobStore& jobs_;
  const RecordingEventListener& events_;
  const RunLedger& runs_;
  const CallersLedger& callers_;
};

}  // namespace millrace
