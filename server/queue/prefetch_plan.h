#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace millrace {

// How many jobs the local queue should hold: one for each free worker and `ahead` more, together at
// most `capacity`, but never fewer than the free workers can use.
int PrefetchTarget(int free_workers, int ahead, int capacity);

// How far the claimer should claim ahead of the workers: twice what they use up in the time that a
// claim takes, so that the next claim, made when half of it is left, is back before the queue runs
// dry. If it ran dry all the same, the workers could have used up more than was measured, and it is
// four times. Slow handlers use up next to nothing in the time of a claim, and the pool then holds
// only what its free workers can begin at once. The rate is a moving average over the claims: it
// starts at zero, grows by half from claim to claim while claims are what limits it, falls in a
// pause, and begins anew when jobs were claimed ahead in vain. Used from one thread: the claimer's.
class PrefetchPlan {
 public:
  explicit PrefetchPlan(int capacity) : capacity_(capacity) {}

  // Of each claim: how long it took, how many jobs the workers have begun since the pool was
  // started, at `now`, and whether the queue was empty when the claim came back.
  void NoteClaim(absl::Duration took, int64_t jobs_begun, bool ran_dry, absl::Duration now);

  // Jobs that were claimed ahead have waited for too long, while other pools could have run them:
  // nothing is claimed ahead until workers use jobs up again.
  void NoteStale();

  // Jobs to hold beyond the free workers, at most the capacity.
  int Ahead() const;
  int capacity() const { return capacity_; }
  // How many jobs to claim now; 0 for none.
  int Wanted(int free_workers, int buffered) const;

 private:
  const int capacity_;
  bool measured_ = false;
  absl::Duration last_at_;
  int64_t last_begun_ = 0;
  // Jobs per second.
  double rate_ = 0;
  double claim_seconds_ = 0;
  bool ran_dry_ = false;
};

}  // namespace millrace
