#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/store/pool_store.h"

namespace millrace {

// A PoolStore in memory with the fencing of the real one: a claim holds its jobs until they are
// recorded, given back or rescued, and what comes under another claim is stale. Tests add jobs,
// look at them, and make calls fail, lose their answers or hang. Its time is that of the clock.
// Thread-safe.
class FakePoolStore final : public PoolStore {
 public:
  enum class Call {
    kRegister,
    kHeartbeat,
    kEndWorker,
    kClaim,
    kTakeBack,
    kPromoteDue,
    kAnnounceIdle,
    kRecordStarts,
    kRecord,
    kGiveBack,
    kNoteKept,
    kWriteProgress,
    kFindCompletion,
    kListCancelled,
    kListLeases,
    kRescue,
  };
  static constexpr int kAlways = -1;

  // What a test sees of a job.
  struct View {
    Job job;
    JobState state = JobState::kReady;
    int interruptions = 0;
    bool last_start_recorded = false;
    // Stays locked though it has not begun.
    bool kept = false;
    WorkerNumber held_by = 0;
    // Of the attempt that runs, the last that was written.
    std::optional<JobProgress> progress;
    // What was recorded of its attempts, in order.
    std::vector<AttemptReport> history;
  };

  explicit FakePoolStore(Clock& clock) : clock_(clock) {}

  // `job.id` and `created_at` are given by the store; a run_at of the past (the default) means now.
  JobId Add(Job job);
  JobId AddTask(const std::string& task_identifier, int max_attempts = 25);
  View Look(JobId id) const;
  // Sets how often a job was interrupted.
  void SetInterruptions(JobId id, int interruptions);
  // The next reports and returns of this job are answered so, instead of being done (a cancelled
  // one is superseded).
  void AnswerWith(JobId id, RecordVerdict verdict, int times);

  // Cancels a job, as an operator does.
  void Cancel(JobId id, const std::string& reason);

  // No claim brings more jobs than this.
  void SetMaxJobsOfClaims(int max_jobs);

  // Whether claims that are taken back are found to be still on their way.
  void SetClaimsOnTheirWay(bool on_their_way);

  // Called after each claim that brought jobs, without a lock.
  void OnClaim(std::function<void()> on_claim);
  // Called after each Rescue, without a lock.
  void OnRescue(std::function<void()> on_rescue);
  // The held job with the largest id; 0 if there is none.
  JobId LastHeld() const;

  // The next `times` calls fail; with `after_doing` they have done their work all the same.
  void Fail(Call call, absl::Status status, int times = 1, bool after_doing = false);
  // Every call fails with UNAVAILABLE, until Mend.
  void FailAll();
  void Mend();
  // Calls that start, report or give back this job are refused as a whole, until Mend.
  void Refuse(JobId id);
  // Calls of this kind hang until Release.
  void Hang(Call call);
  void Release(Call call);

  int CountCalls(Call call) const;
  // Of the Record calls so far: how many reports each had.
  std::vector<size_t> RecordSizes() const;
  // Of the Claim calls so far: what was asked.
  std::vector<ClaimRequest> Claims() const;
  bool IsRegistered(WorkerNumber worker) const;
  bool IsIdle(WorkerNumber worker) const;
  std::vector<WorkerRegistration> Registrations() const;

  // Waits, for a minute of real time at most, until `condition` holds; it is called whenever
  // something has changed here, and may call the functions above.
  bool WaitUntil(const std::function<bool()>& condition) const;
  bool WaitForCalls(Call call, int count) const;
  bool WaitForState(JobId id, JobState state) const;

  absl::StatusOr<WorkerNumber> RegisterWorker(const WorkerRegistration& registration) override;
  absl::Status Heartbeat(WorkerNumber worker) override;
  absl::Status EndWorker(WorkerNumber worker) override;
  absl::StatusOr<std::vector<ClaimedJob>> Claim(const ClaimRequest& request) override;
  absl::StatusOr<bool> TakeBackClaim(WorkerNumber worker, int64_t number) override;
  absl::StatusOr<std::optional<absl::Duration>> PromoteDue() override;
  absl::Status AnnounceIdle(WorkerNumber worker, bool idle) override;
  absl::StatusOr<std::vector<bool>> RecordLastAttemptStarts(
      const std::vector<Hold>& holds) override;
  absl::StatusOr<RecordResult> Record(WorkerNumber worker,
                                      const std::vector<AttemptReport>& reports) override;
  absl::StatusOr<std::optional<absl::Time>> FindCompletion(const Hold& hold) override;
  absl::StatusOr<RecordResult> GiveBack(WorkerNumber worker,
                                        const std::vector<Hold>& holds) override;
  absl::Status NoteKept(const std::vector<Hold>& holds) override;
  absl::StatusOr<std::vector<bool>> WriteProgress(
      const std::vector<ProgressReport>& reports) override;
  absl::StatusOr<std::vector<Hold>> ListCancelled(WorkerNumber worker) override;
  absl::StatusOr<std::vector<WorkerLease>> ListLeases() override;
  absl::StatusOr<std::vector<RescuedJob>> Rescue(WorkerNumber worker) override;

 private:
  struct Stored {
    View view;
    ClaimId claim_id = 0;
    std::optional<PartialSuccess> last_partial_success;
    std::optional<std::pair<RecordVerdict, int>> answer;
    // Why it was cancelled while it was held.
    std::string cancel_reason;
  };
  struct Worker {
    WorkerRegistration registration;
    int64_t heartbeat = 1;
    bool idle = false;
  };
  struct Fault {
    absl::Status status;
    int times = 0;
    bool after_doing = false;
  };
  static constexpr size_t kCalls = static_cast<size_t>(Call::kRescue) + 1;

  static size_t IndexOf(Call call) { return static_cast<size_t>(call); }

  // Counts the call and does what the test wants of it; else what `body` does.
  template <typename Body>
  auto Do(Call call, Body body) -> decltype(body());
  std::optional<Fault> TakeFaultLocked(Call call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::vector<Stored*> ClaimableLocked(const ClaimRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool QueueIsHeldLocked(const std::string& queue_name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Stored* FindHeldLocked(const Hold& hold) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  RecordVerdict RecordOneLocked(const AttemptReport& report) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of a report whose claim does not hold the job: whether it was recorded before.
  RecordVerdict VerdictOfEarlierLocked(const AttemptReport& report) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  RecordVerdict GiveBackOneLocked(const Hold& hold) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Enters the verdict, and the reason of a cancelled job.
  void AnswerLocked(JobId id, RecordVerdict verdict, RecordResult& result)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<RescuedJob> FreeAllLocked(WorkerNumber worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckRefusedLocked(JobId id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckRefusedLocked(const std::vector<Hold>& holds) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static std::optional<RecordVerdict> TakeAnswer(Stored& stored);

  Clock& clock_;

  mutable Mutex mutex_;
  mutable CondVar changed_;
  // Guarded by mutex_.
  std::map<JobId, Stored> jobs_ ABSL_GUARDED_BY(mutex_);
  std::map<WorkerNumber, Worker> workers_ ABSL_GUARDED_BY(mutex_);
  std::vector<WorkerRegistration> registrations_ ABSL_GUARDED_BY(mutex_);
  std::array<Fault, kCalls> faults_ ABSL_GUARDED_BY(mutex_);
  std::array<bool, kCalls> hangs_ ABSL_GUARDED_BY(mutex_) = {};
  std::array<int, kCalls> calls_ ABSL_GUARDED_BY(mutex_) = {};
  std::vector<size_t> record_sizes_ ABSL_GUARDED_BY(mutex_);
  std::vector<ClaimRequest> claims_ ABSL_GUARDED_BY(mutex_);
  int max_jobs_of_claims_ ABSL_GUARDED_BY(mutex_) = std::numeric_limits<int>::max();
  std::function<void()> on_claim_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> on_rescue_ ABSL_GUARDED_BY(mutex_);
  JobId last_job_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<JobId> refused_ ABSL_GUARDED_BY(mutex_);
  // Jobs by the claims under which they were given back.
  std::set<std::pair<ClaimId, JobId>> given_back_ ABSL_GUARDED_BY(mutex_);
  bool claims_on_their_way_ ABSL_GUARDED_BY(mutex_) = false;
  // Numbers of claims that were made or taken back.
  std::set<int64_t> claim_numbers_ ABSL_GUARDED_BY(mutex_);
  WorkerNumber last_worker_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace
