#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <vector>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/pool/backoff.h"
#include "server/pool/error_reporter.h"
#include "server/pool/lease_state.h"
#include "server/pool/lost_claims.h"
#include "server/pool/outcome_recorder.h"
#include "server/pool/pool_config.h"
#include "server/pool/pool_counters.h"
#include "server/pool/pool_metrics.h"
#include "server/queue/claim_filter.h"
#include "server/queue/local_queue.h"
#include "server/queue/prefetch_plan.h"
#include "server/store/pool_store.h"

namespace millrace {

// Fills the local queue: claims as many jobs as the workers will need soon, gives back those that
// have waited for too long, and makes jobs claimable when their time comes (contract B).
//
//   claiming --- nothing there ---> announces that it is idle, claims once more
//      ^                                              |
//      |   Wake, something due, poll interval         v
//      +------------------------------------------ asleep
//
// A few claims in a row that bring jobs withdraw the announcement, so that a single job costs no
// more than its claim. While the queue is full enough the claimer waits for the workers.
// Owned by a run of the pool, which calls Run in a thread of its own. Thread-safe.
class Claimer {
 public:
  // Hands undispatched jobs to whoever decides what becomes of them.
  using ReturnJobs = std::function<void(ClaimedBatch)>;

  struct Parts {
    PoolStore& store;
    LocalQueue& queue;
    const LeaseState& lease;
    OutcomeRecorder& recorder;
    PoolCounters& counters;
    PoolMetrics& metrics;
    ErrorReporter& errors;
    Clock& clock;
    // The registration was found ended.
    std::function<void(WorkerNumber)> on_lease_ended;
    // A claim that came back after the queue was closed.
    ReturnJobs return_jobs;
    // Called in the claimer's thread each time that the loop has done what it is for: a claim was
    // answered, or there is no room for what it would bring. Not while there is no lease, outcomes
    // pile up, or the database refuses claims.
    std::function<void()> on_tick;
  };

  // `filter` says which jobs to claim.
  Claimer(const PoolConfig& config, ClaimFilter filter, Parts parts);

  // Returns after RequestStop, when all claims that failed are taken back, or after Abandon.
  void Run();
  void RequestStop();
  // Claims that failed get one more chance to be taken back.
  void Abandon() { lost_claims_.Abandon(); }

  // From now on claims are for these jobs, and nothing else reaches the local queue: what was
  // claimed under the last filter and is on its way is given back. Looks at once.
  void SetFilter(ClaimFilter filter);
  // A job may have come.
  void Wake();
  // Jobs will be due after this time.
  void NoteDue(absl::Duration after);
  // What may hold claims up has changed: the lease, or the backlog of the recorder.
  void NudgeIfHeldUp() {
    if (held_up_) parts_.queue.Nudge();
  }

 private:
  // One round: at most one claim, or a wait.
  void GoRound();
  void Sleep(absl::Duration until);
  // The registration to claim under; nothing while claims must wait.
  std::optional<WorkerNumber> MayClaim();
  void GiveBackExpired();
  void PromoteIfDue();
  void Promote(absl::Duration now);
  void WaitForRoom();
  void ClaimJobs(WorkerNumber worker, int wanted);
  void TakeFilter();
  void TakeJobs(WorkerNumber worker, std::vector<ClaimedJob> jobs, absl::Duration claimed_at);
  // Pushes what the filter allows; the rest is in `forbidden` then. False: the queue is closed.
  bool PushAllowed(ClaimedBatch& batch, ClaimedBatch& forbidden);
  void NothingToClaim(WorkerNumber worker);
  void Announce(WorkerNumber worker, bool idle);
  void Fail(const char* operation, const absl::Status& status);
  void Pause();
  absl::Duration NextDue() const;
  // When something must be given or taken back.
  absl::Duration NextReturn() const;

  // Constant after construction.
  const absl::Duration poll_interval_;
  const size_t longest_backlog_;
  const Parts parts_;

  // Used by the claimer's thread alone.
  ClaimRequest request_;
  PrefetchPlan plan_;
  Backoff backoff_;
  absl::BitGen random_;
  LostClaims lost_claims_;
  // Under which registration it has announced that it is idle.
  std::optional<WorkerNumber> announced_;
  // Claims in a row that brought jobs.
  int busy_claims_ = 0;
  // Wake-ups in a row that came while there was no room.
  int needless_wakes_ = 0;
  // Woken since jobs were last promoted.
  bool promote_wanted_ = false;
  absl::Duration last_promotion_ = -absl::InfiniteDuration();

  std::atomic<bool> stop_{false};
  std::atomic<bool> woken_{false};
  std::atomic<bool> held_up_{false};
  // Held while jobs go into the local queue, so that none does that a new filter forbids.
  Mutex filter_mutex_;
  ClaimFilter filter_ ABSL_GUARDED_BY(filter_mutex_);
  // The filter is another than that of request_.
  bool filter_is_new_ ABSL_GUARDED_BY(filter_mutex_) = true;

  mutable Mutex mutex_;
  // Monotonic; infinite if nothing is known to wait for its time.
  absl::Duration next_due_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
};

}  // namespace millrace
