#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/model/attempt.h"
#include "server/model/job.h"
#include "server/model/job_spec.h"

namespace millrace::client {

// A job that was added, as it now stands. A plain value.
struct AddedJobDetails {
  JobDetails job;
  AddResult result = AddResult::kCreated;
  // False if the job was added but could not be read again: only what the caller has given and the
  // id are filled in then, and not the state.
  bool complete = true;
};

// One of many jobs that were added. A plain value.
struct AddedJob {
  JobId id = 0;
  AddResult result = AddResult::kCreated;
};

// A job with its attempts that ended, newest first. A plain value.
struct JobWithAttempts {
  JobDetails job;
  std::vector<Attempt> attempts;
};

// A job as one who waits for its end sees it. A plain value.
struct WaitedJob {
  JobDetails job;
  // It has ended: completed, cancelled or exhausted.
  bool finished = false;
  // The latest attempt that ended, with the result of a job that has completed; nothing if there is
  // none.
  std::optional<Attempt> last_attempt;
  // Where another job took its key, so that it was cancelled: the one that has the key now. 0
  // otherwise, also if that has ended as well.
  JobId successor = 0;
};

// Which jobs to list: those that match every part that is not empty. A plain value.
struct JobFilter {
  std::vector<JobState> states;
  std::vector<std::string> task_identifiers;
  std::vector<std::string> queue_names;
};

// Some of the jobs that match, newest first; may be none though there are more, since the server
// looks through a bounded number of jobs in one call. A plain value.
struct JobPage {
  std::vector<JobDetails> jobs;
  // Names the next page; empty on the last one.
  std::string next_page_token;
};

}  // namespace millrace::client
