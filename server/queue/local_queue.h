#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/queue/claim_filter.h"
#include "server/store/pool_store.h"

namespace millrace {

// Jobs that one claim brought. A plain value.
struct ClaimedBatch {
  // The registration under which they were claimed.
  WorkerNumber worker = 0;
  // Monotonic, when the claim returned.
  absl::Duration claimed_at;
  std::vector<ClaimedJob> jobs;
};

// Takes those of these jobs out of the batch.
ClaimedBatch TakeFrom(ClaimedBatch& batch, const std::vector<Hold>& holds);
// The same with those that the filter does not allow.
ClaimedBatch TakeForbidden(ClaimedBatch& batch, const ClaimFilter& filter);

// One job on its way to a worker. A plain value.
struct QueuedJob {
  WorkerNumber worker = 0;
  absl::Duration claimed_at;
  ClaimedJob claimed;

  Hold hold() const { return {claimed.claim_id, claimed.job.id}; }
  ClaimedBatch ToBatch() &&;
};

// The jobs that a pool holds and has not begun: one claimer pushes what a claim brought, the
// workers pop one at a time, first in first out (contract B).
//
//            Push                    Pop
//   claim ---------> [ waiting ] -----------> a worker, until its next Pop
//     |                 |     |
//     | closed          |     | TakeExpired: waited longer than the time to live; Take: cancelled
//     v                 |     v
//   refused             |   given back by the caller
//                       | Drain (after Close): everything that is left
//                       v
//                    given back by the caller
//
//   open ---Close---> closed, for ever: Push is refused, Pop returns false at once
//
// A job is in one of these places at any time, and leaves the queue once. The queue also tells the
// claimer when to claim: WaitForRoom returns when the workers have used up enough of it. A pop
// costs one lock and one move; it wakes the claimer at most once per wait. And it tells workers
// when there are too many of them.
// Owned by a run of the pool and outlives its threads. Thread-safe.
class LocalQueue {
 public:
  struct Room {
    int free_workers = 0;
    int buffered = 0;
    // Jobs that were popped so far.
    int64_t popped = 0;
  };

  LocalQueue(int workers, absl::Duration time_to_live, Clock& clock)
      : time_to_live_(time_to_live), clock_(clock), workers_(workers), present_(workers) {}

  // Takes the batch. False, with the batch untouched, if the queue is closed.
  bool Push(ClaimedBatch& batch);

  // Waits for a job. False once the queue is closed, or if this worker is one too many, since
  // Resize: then it must not call again. `came_back` says that this worker popped before and is
  // done with that job.
  bool Pop(QueuedJob& job, bool came_back);

  // Waits until fewer jobs are here than half of what should be (free workers and `ahead`, together
  // at most the larger of free workers and `capacity`), Nudge is called, the queue is closed, or
  // `timeout` has passed. Used from one thread: the claimer.
  void WaitForRoom(int ahead, int capacity, absl::Duration timeout);
  // Waits in the same way, but not for room.
  void WaitForNudge(absl::Duration timeout);
  // Ends the claimer's wait, or the next one if it does not wait.
  void Nudge();
  Room GetRoom() const;

  // The jobs that have waited for their time to live or longer at `now`; they leave the queue.
  std::vector<ClaimedBatch> TakeExpired(absl::Duration now);
  // When the next job expires; infinite if none is here.
  absl::Duration NextExpiry() const;

  // Those of these jobs that are here; they leave the queue.
  std::vector<ClaimedBatch> Take(const std::vector<Hold>& holds);
  // The same with those that the filter does not allow.
  std::vector<ClaimedBatch> TakeForbidden(const ClaimFilter& filter);

  // From now on there are to be so many workers. Surplus ones leave: those that wait at once, the
  // others when they come back. Returns how many must be added.
  int Resize(int workers);
  // So many of those were not added.
  void NoteMissing(int workers);
  int workers() const;

  void Close();
  // Everything that is left, which leaves the queue.
  std::vector<ClaimedBatch> Drain();

 private:
  struct Waiting {
    ClaimedBatch batch;
    // Those before it were popped.
    size_t next = 0;
  };

  // Takes out what `taken_from` takes of each batch.
  template <typename TakenFrom>
  std::vector<ClaimedBatch> TakeOut(TakenFrom taken_from);
  int FreeWorkersLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasRoomLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WakeClaimerIfRoomLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ClaimedBatch TakeFrontLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after construction.
  const absl::Duration time_to_live_;
  Clock& clock_;

  mutable Mutex mutex_;
  CondVar pushed_;
  CondVar claimer_;
  // Guarded by mutex_.
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  int size_ ABSL_GUARDED_BY(mutex_) = 0;
  // How many workers there are to be, and how many there are that have not been told to leave.
  int workers_ ABSL_GUARDED_BY(mutex_);
  int present_ ABSL_GUARDED_BY(mutex_);
  // Workers that popped a job and have not come back.
  int busy_ ABSL_GUARDED_BY(mutex_) = 0;
  // Workers that wait in Pop.
  int asleep_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t popped_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool nudged_ ABSL_GUARDED_BY(mutex_) = false;
  // What the claimer waits for.
  bool waits_for_room_ ABSL_GUARDED_BY(mutex_) = false;
  int ahead_ ABSL_GUARDED_BY(mutex_) = 0;
  int capacity_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace
