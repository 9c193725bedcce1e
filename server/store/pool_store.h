#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/model/attempt.h"
#include "server/model/job.h"
#include "server/model/job_progress.h"
#include "server/model/partial_success.h"

namespace millrace {

// The store's number of a registered worker: one registration of one pool.
using WorkerNumber = int32_t;

// What a pool says of itself when it registers.
struct WorkerRegistration {
  std::string worker_id;
  std::string pool_name;
  std::string host;
  int pid = 0;
  std::string version;
  absl::Duration lease_ttl;
};

// Numbers of claims are below.
constexpr int64_t kClaimNumbers = 1'000'000'000'000;

struct ClaimRequest {
  WorkerNumber worker = 0;
  // Drawn at random for each claim: the claim's fence, and its name if its answer is lost.
  int64_t number = 0;
  // At least 1.
  int max_jobs = 1;
  // Only jobs of these tasks; empty means of every task.
  std::vector<std::string> task_identifiers;
  // No jobs with any of these flags.
  std::vector<std::string> forbidden_flags;
};

// A job that a claim holds. Its attempt is counted already.
struct ClaimedJob {
  ClaimId claim_id = 0;
  Job job;
  // From the moment the job was due to the claim, by the database's clock.
  absl::Duration queue_time_at_claim;
  // What is remembered of earlier attempts: the last partial result, and how often it was
  // interrupted.
  std::optional<PartialSuccess> last_partial_success;
  int interruptions = 0;
  // As AttemptReport::plain.
  bool plain = false;
};

// One job under one claim: what a pool names when it gives back or reports.
struct Hold {
  ClaimId claim_id = 0;
  JobId job_id = 0;

  bool operator==(const Hold&) const = default;
};

// How far the attempt of a hold is. A plain value.
struct ProgressReport {
  Hold hold;
  // ValidateProgress has accepted it.
  JobProgress progress;
};

// What became of a report.
enum class RecordVerdict {
  kAccepted,
  // Accepted, but the job has ended, cancelled, whatever the report wanted: an operator has
  // cancelled it (contract C7), or another job took its key while it ran (C3). The reason says.
  kCancelled,
  // Accepted, but the job is exhausted, whatever the report wanted: an operator has failed it for
  // good (C7). The reason says.
  kFailedForGood,
  // The claim no longer holds the job, and did not when an earlier try of this report came: nothing
  // changed. (Where an earlier try was recorded and its answer lost, the answer comes now.)
  kStale,
  // A transaction of an application is taking the job's key at this moment: nothing changed, report
  // it again a little later.
  kBusy,
};

struct RecordResult {
  // One for each report, in order.
  std::vector<RecordVerdict> verdicts;
  // Of those that were kCancelled or kFailedForGood: why, by their place.
  std::map<size_t, std::string> reasons;
  // The database's time of each recording; retries count from it. For plain completions the time of
  // the call.
  std::vector<absl::Time> recorded_at;
};

// A job that was freed from a worker that was lost.
struct RescuedJob {
  Job job;
  // Where it is now: exhausted, since its last attempt had started or as of
  // RecordVerdict::kFailedForGood; cancelled, as of kCancelled; or else available again.
  JobState state = JobState::kReady;
  // Why it is exhausted or cancelled.
  std::string reason;
  // Where it is exhausted: whether its attempt counts, and not if that had certainly not begun.
  bool counted = true;
};

// A registered worker whose lease has not been ended.
struct WorkerLease {
  WorkerNumber worker = 0;
  std::string worker_id;
  // Changes with every heartbeat.
  int64_t heartbeat = 0;
  absl::Duration lease_ttl;
};

// What a worker pool asks of the database. Every call is one transaction and blocks its thread.
//
// Errors of every call: UNAVAILABLE if the database is away or the call's time ran out; ABORTED
// if it could not be brought together with other transactions, after retries; INTERNAL for the
// rest. After an error of a call that changes something it may or may not have happened; all such
// calls but Claim can be repeated: the claim decides. FAILED_PRECONDITION where said: the worker's
// lease was ended. Thread-safe.
class PoolStore {
 public:
  virtual ~PoolStore() = default;

  // Enters the worker, with a lease that runs from now.
  virtual absl::StatusOr<WorkerNumber> RegisterWorker(const WorkerRegistration& registration) = 0;
  // Renews the lease. FAILED_PRECONDITION if it was ended: the worker must register anew.
  virtual absl::Status Heartbeat(WorkerNumber worker) = 0;
  // Frees all that the worker holds, as Rescue does, and ends its lease. Fine if it was ended
  // already.
  virtual absl::Status EndWorker(WorkerNumber worker) = 0;

  // Claims up to max_jobs in the order of priority, run_at, id. Empty if there are none that this
  // pool may run or the worker's lease was ended; AnnounceIdle tells which. ALREADY_EXISTS: the
  // number is in use or was taken back. After any error TakeBackClaim must be called: the claim may
  // hold jobs that nobody knows of.
  virtual absl::StatusOr<std::vector<ClaimedJob>> Claim(const ClaimRequest& request) = 0;

  // Makes what a claim holds whose answer was lost available again, as if it had not been claimed;
  // a claim of this number that was not made yet will fail. False: it is still on its way, or a
  // transaction of an application is taking the key of one of its jobs; call it again later.
  virtual absl::StatusOr<bool> TakeBackClaim(WorkerNumber worker, int64_t number) = 0;

  // Makes jobs claimable that have become due. Returns the time until the next one is due (not
  // negative), nothing if none waits for a time.
  virtual absl::StatusOr<std::optional<absl::Duration>> PromoteDue() = 0;

  // Says whether adders should notify this worker of new jobs. Claim once more after saying true.
  // FAILED_PRECONDITION if its lease was ended.
  virtual absl::Status AnnounceIdle(WorkerNumber worker, bool idle) = 0;

  // Records that these last attempts start. One for each hold: false if the claim no longer holds
  // the job, so that it must not be run.
  virtual absl::StatusOr<std::vector<bool>> RecordLastAttemptStarts(
      const std::vector<Hold>& holds) = 0;

  // Records outcomes, frees their serial queues, and makes jobs wait again, as the reports say.
  // All in one transaction. A report that was recorded already is answered as it was then.
  virtual absl::StatusOr<RecordResult> Record(WorkerNumber worker,
                                              const std::vector<AttemptReport>& reports) = 0;

  // When this attempt was recorded as completed; nothing if it is not. Waits for a transaction that
  // may be recording it at this moment.
  virtual absl::StatusOr<std::optional<absl::Time>> FindCompletion(const Hold& hold) = 0;

  // Makes jobs available again with their attempt uncounted; one that an operator has cancelled or
  // failed ends instead. One
  // verdict for each hold, as Record, also where an earlier call has done it and its answer was
  // lost.
  virtual absl::StatusOr<RecordResult> GiveBack(WorkerNumber worker,
                                                const std::vector<Hold>& holds) = 0;

  // Says that these jobs have not begun, and stay locked although the pool stops: they become
  // available, with their attempt uncounted, when ResetOverdueJobs finds them or the lease ends.
  // Those that the claim no longer holds are left out.
  virtual absl::Status NoteKept(const std::vector<Hold>& holds) = 0;

  // Keeps what handlers say of their progress, in place of what they said before, until their claim
  // holds the job no more. One for each report: false if it does not, and then nothing is kept.
  virtual absl::StatusOr<std::vector<bool>> WriteProgress(
      const std::vector<ProgressReport>& reports) = 0;

  // What this worker holds of jobs that an operator has cancelled or failed for good.
  virtual absl::StatusOr<std::vector<Hold>> ListCancelled(WorkerNumber worker) = 0;

  // All workers whose lease has not been ended, this one included.
  virtual absl::StatusOr<std::vector<WorkerLease>> ListLeases() = 0;

  // Ends the lease of a worker that is lost and frees what it held (contract A9, "lost"). May leave
  // some for a next call: those that another transaction is working on. Fine if another rescuer was
  // faster: returns no job then. As all calls about leases it takes a few seconds at most: whoever
  // rescues has a lease of its own to keep.
  virtual absl::StatusOr<std::vector<RescuedJob>> Rescue(WorkerNumber worker) = 0;
};

}  // namespace millrace
