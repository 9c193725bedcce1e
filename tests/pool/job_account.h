#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "server/model/attempt.h"
#include "server/pool/pool_stats.h"
#include "server/store/job_store.h"
#include "tests/support/recording_event_listener.h"
#include "tests/support/test_schema.h"

namespace millrace {

// All that is known of one job after an attempt: what a row of contract A9 speaks of, in words that
// a test compares whole. A plain value.
struct JobAccount {
  // Such as "scheduled 2s later, 1 of 25 attempts, last error: no luck".
  std::string job;
  // What of its history, oldest first, such as "attempt 1 failed in 5s: no luck".
  std::vector<std::string> history;
  // The job at the head of its serial queue: "itself", "the next one", "nobody"; "" without one.
  std::string queue_head;
  // Its events in the feed, such as "job/failed attempt 1 in 5s: no luck; runs again".
  std::vector<std::string> events;
  // The pool's counters that are not zero, but how many errors is left out.
  std::string stats;

  bool operator==(const JobAccount&) const = default;
};

std::ostream& operator<<(std::ostream& out, const JobAccount& account);

// Takes accounts of jobs, and fails the test where what the database and the feed say of one do not
// fit together: an event whose attempt is not on record so, an end without its time, an error that
// was counted and not told. Borrows everything. Used from one thread.
class JobAuditor {
 public:
  JobAuditor(TestSchema& schema, JobStore& jobs, const RecordingEventListener& events)
      : schema_(schema), jobs_(jobs), events_(events) {}

  JobAccount Account(JobId id, const PoolStats& stats);

 private:
  std::string DescribeQueueHead(const Job& job);
  // Each event of the job, checked against its history.
  std::vector<std::string> DescribeEvents(const JobDetails& details,
                                          const std::vector<Attempt>& history);
  std::string DescribeStats(const PoolStats& stats);

  TestSchema& schema_;
  JobStore& jobs_;
  const RecordingEventListener& events_;
};

}  // namespace millrace
