#pragma once

#include <map>
#include <string>
#include <vector>

#include "server/base/mutex.h"
#include "server/model/job.h"

namespace millrace {

// What handlers themselves know, apart from the database: who runs at this moment, and how often
// each job has run. Thread-safe.
class RunLedger {
 public:
  explicit RunLedger(int concurrency) : concurrency_(concurrency) {}

  // A handler is in its scope. A violation if the job, or another one of its serial queue, runs
  // already, or more handlers run than the concurrency allows.
  class Run {
   public:
    Run(RunLedger& ledger, const Job& job) : ledger_(ledger), job_(job) { ledger_.Begin(job); }
    ~Run() { ledger_.End(job_); }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

   private:
    RunLedger& ledger_;
    const Job& job_;
  };

  int CountRunsOf(JobId id) const;
  std::map<JobId, int> runs() const;
  std::vector<std::string> violations() const;

 private:
  void Begin(const Job& job);
  void End(const Job& job);

  const int concurrency_;

  mutable Mutex mutex_;
  std::map<JobId, int> runs_ ABSL_GUARDED_BY(mutex_);
  // Those that run, with their serial queues.
  std::map<JobId, std::string> running_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> violations_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
