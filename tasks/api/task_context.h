#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/model/job.h"
#include "server/model/job_progress.h"
#include "server/model/job_spec.h"
#include "server/model/partial_success.h"
#include "tasks/api/task_transaction.h"

namespace millrace {

// Why a handler is asked to stop. kCancelled: an operator has cancelled the job or failed it for
// good.
enum class StopReason { kNone, kPoolStops, kTimeout, kCancelled };

// What a handler gets for one attempt. It lives until the handler returns: keep no reference to it.
//
// A handler runs in a thread, and a thread cannot be killed. Asked to stop (because the pool stops,
// the time limit has passed, or an operator has ended the job), a handler should end soon: wait
// with WaitFor, hand stop_token() to what can take one, look at StopRequested() between steps, and
// give every outside call a time limit of its own. One that does not end keeps its worker and its
// job, is reported as stuck, and delays the shutdown.
//
// Used from the handler's thread; stop_token(), stop_reason() and StopRequested() from any.
class TaskContext {
 public:
  virtual ~TaskContext() = default;

  virtual const Job& job() const = 0;
  // The identity of the pool that runs this attempt.
  virtual const std::string& worker_id() const = 0;
  // What the last attempt that succeeded in part has left, whatever came after it.
  virtual const std::optional<PartialSuccess>& last_partial_success() const = 0;

  // Fires when the handler should end, an instant after the others here say so. Callbacks on it run
  // in one thread for all handlers of the pool: they should not wait, and must not throw.
  virtual std::stop_token stop_token() const = 0;
  virtual StopReason stop_reason() const = 0;
  bool StopRequested() const { return stop_reason() != StopReason::kNone; }
  // How long the handler may still run; absl::InfiniteDuration() if there is no limit.
  virtual absl::Duration TimeLeft() const = 0;
  // The wall-clock time. Handlers take it from here, so that a test can set it.
  virtual absl::Time Now() const { return absl::Now(); }

  // Waits. False, at once, if the handler is or was asked to stop.
  virtual bool WaitFor(absl::Duration duration) = 0;

  // Tells others how far this attempt is: shown with the job until the attempt has ended, and in
  // the event feed. Costs next to nothing and never waits: what was said last is written every 250
  // ms at most. INVALID_ARGUMENT, and nothing is told, unless `percent` is 0 to 100 and there are
  // at most 32 counters with printable names of 1 to 64 bytes. Of the message 1 KiB is kept.
  absl::Status ReportProgress(double percent, const std::string& message = "",
                              std::map<std::string, int64_t> counters = {});

  // Adds further jobs, which exist when this returns, whatever becomes of this attempt. The same
  // rules and errors as of the service's AddJob and AddJobs; CANCELLED once the handler is asked to
  // stop.
  virtual absl::StatusOr<AddedJob> AddJob(JobSpec spec) = 0;
  virtual absl::StatusOr<std::vector<AddedJob>> AddJobs(std::vector<JobSpec> specs) = 0;

  // Begins the transaction of this attempt, of which there can be one; see TaskTransaction. Waits
  // until a connection is free. CANCELLED once the handler is asked to stop, also while it waits;
  // UNAVAILABLE if the database is away; FAILED_PRECONDITION if it has begun already. Lives as long
  // as the context.
  virtual absl::StatusOr<TaskTransaction*> BeginTransaction() = 0;

  enum class LogLevel { kDebug, kInfo, kWarning, kError };
  // Writes to the server's log, with the job's id, task and attempt. No secrets, please.
  virtual void Log(LogLevel level, const std::string& message) = 0;

 private:
  // What ReportProgress has found good.
  virtual void KeepProgress(JobProgress progress) = 0;
};

}  // namespace millrace
