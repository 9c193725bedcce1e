#include "server/queue/local_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/queue/prefetch_plan.h"

namespace millrace {
namespace {

// Moves the jobs for which `wanted` holds out of the batch, from the place `from` on.
template <typename Wanted>
ClaimedBatch TakeIf(ClaimedBatch& batch, size_t from, Wanted wanted) {
  ClaimedBatch taken{batch.worker, batch.claimed_at, {}};
  size_t kept = from;
  for (size_t i = from; i < batch.jobs.size(); ++i) {
    ClaimedJob& job = batch.jobs[i];
    if (wanted(job)) {
      taken.jobs.push_back(std::move(job));
    } else if (kept++ != i) {
      batch.jobs[kept - 1] = std::move(job);
    }
  }
  batch.jobs.resize(kept);
  return taken;
}

ClaimedBatch TakeHolds(ClaimedBatch& batch, size_t from, const std::vector<Hold>& holds) {
  return TakeIf(batch, from, [&holds](const ClaimedJob& job) {
    const Hold hold{job.claim_id, job.job.id};
    return std::find(holds.begin(), holds.end(), hold) != holds.end();
  });
}

ClaimedBatch TakeForbiddenFrom(ClaimedBatch& batch, size_t from, const ClaimFilter& filter) {
  return TakeIf(batch, from, [&filter](const ClaimedJob& job) { return !filter.Allows(job.job); });
}

}  // namespace

ClaimedBatch TakeFrom(ClaimedBatch& batch, const std::vector<Hold>& holds) {
  return TakeHolds(batch, 0, holds);
}

ClaimedBatch TakeForbidden(ClaimedBatch& batch, const ClaimFilter& filter) {
  return TakeForbiddenFrom(batch, 0, filter);
}

ClaimedBatch QueuedJob::ToBatch() && {
  ClaimedBatch batch{worker, claimed_at, {}};
  batch.jobs.push_back(std::move(claimed));
  return batch;
}

bool LocalQueue::Push(ClaimedBatch& batch) {
  MutexLock lock(mutex_);
  if (closed_) return false;
  const int added = static_cast<int>(batch.jobs.size());
  if (added == 0) return true;
  waiting_.push_back({std::move(batch), 0});
  size_ += added;
  for (int i = std::min(added, asleep_); i > 0; --i) pushed_.NotifyOne();
  return true;
}

bool LocalQueue::Pop(QueuedJob& job, bool came_back) {
  // A batch that is used up is destroyed without the lock.
  std::vector<ClaimedJob> spent;
  MutexLock lock(mutex_);
  if (came_back) --busy_;
  while (size_ == 0 && !closed_ && present_ <= workers_) {
    WakeClaimerIfRoomLocked();
    ++asleep_;
    pushed_.Wait(mutex_);
    --asleep_;
  }
  if (closed_) return false;
  if (present_ > workers_) {
    --present_;
    return false;
  }
  Waiting& front = waiting_.front();
  job.worker = front.batch.worker;
  job.claimed_at = front.batch.claimed_at;
  job.claimed = std::move(front.batch.jobs[front.next]);
  if (++front.next == front.batch.jobs.size()) {
    spent = std::move(front.batch.jobs);
    waiting_.pop_front();
  }
  --size_;
  ++busy_;
  ++popped_;
  WakeClaimerIfRoomLocked();
  return true;
}

void LocalQueue::WaitForRoom(int ahead, int capacity, absl::Duration timeout) {
  MutexLock lock(mutex_);
  ahead_ = ahead;
  capacity_ = capacity;
  waits_for_room_ = true;
  clock_.WaitFor(mutex_, claimer_, timeout, [this] {
    mutex_.AssertHeld();
    if (nudged_ || closed_ || HasRoomLocked()) return true;
    waits_for_room_ = true;
    return false;
  });
  waits_for_room_ = false;
  nudged_ = false;
}

void LocalQueue::WaitForNudge(absl::Duration timeout) {
  MutexLock lock(mutex_);
  clock_.WaitFor(mutex_, claimer_, timeout, [this] {
    mutex_.AssertHeld();
    return nudged_ || closed_;
  });
  nudged_ = false;
}

void LocalQueue::Nudge() {
  MutexLock lock(mutex_);
  nudged_ = true;
  claimer_.NotifyOne();
}

LocalQueue::Room LocalQueue::GetRoom() const {
  MutexLock lock(mutex_);
  return {FreeWorkersLocked(), size_, popped_};
}

std::vector<ClaimedBatch> LocalQueue::TakeExpired(absl::Duration now) {
  std::vector<ClaimedBatch> expired;
  MutexLock lock(mutex_);
  while (!waiting_.empty() && waiting_.front().batch.claimed_at + time_to_live_ <= now) {
    expired.push_back(TakeFrontLocked());
  }
  return expired;
}

absl::Duration LocalQueue::NextExpiry() const {
  MutexLock lock(mutex_);
  return waiting_.empty() ? absl::InfiniteDuration()
                          : waiting_.front().batch.claimed_at + time_to_live_;
}

template <typename TakenFrom>
std::vector<ClaimedBatch> LocalQueue::TakeOut(TakenFrom taken_from) {
  std::vector<ClaimedBatch> taken;
  MutexLock lock(mutex_);
  for (auto entry = waiting_.begin(); entry != waiting_.end();) {
    ClaimedBatch some = taken_from(entry->batch, entry->next);
    size_ -= static_cast<int>(some.jobs.size());
    if (!some.jobs.empty()) taken.push_back(std::move(some));
    entry = entry->next == entry->batch.jobs.size() ? waiting_.erase(entry) : std::next(entry);
  }
  WakeClaimerIfRoomLocked();
  return taken;
}

std::vector<ClaimedBatch> LocalQueue::Take(const std::vector<Hold>& holds) {
  return TakeOut(
      [&holds](ClaimedBatch& batch, size_t from) { return TakeHolds(batch, from, holds); });
}

std::vector<ClaimedBatch> LocalQueue::TakeForbidden(const ClaimFilter& filter) {
  return TakeOut([&filter](ClaimedBatch& batch, size_t from) {
    return TakeForbiddenFrom(batch, from, filter);
  });
}

int LocalQueue::Resize(int workers) {
  MutexLock lock(mutex_);
  workers_ = workers;
  const int missing = std::max(0, workers_ - present_);
  present_ += missing;
  pushed_.NotifyAll();
  WakeClaimerIfRoomLocked();
  return missing;
}

void LocalQueue::NoteMissing(int workers) {
  MutexLock lock(mutex_);
  present_ -= workers;
}

int LocalQueue::workers() const {
  MutexLock lock(mutex_);
  return workers_;
}

int LocalQueue::FreeWorkersLocked() const { return std::max(0, workers_ - busy_); }

void LocalQueue::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
  pushed_.NotifyAll();
  claimer_.NotifyOne();
}

std::vector<ClaimedBatch> LocalQueue::Drain() {
  std::vector<ClaimedBatch> left;
  MutexLock lock(mutex_);
  while (!waiting_.empty()) left.push_back(TakeFrontLocked());
  return left;
}

bool LocalQueue::HasRoomLocked() const {
  const int target = PrefetchTarget(FreeWorkersLocked(), ahead_, capacity_);
  return size_ < target && size_ <= target / 2;
}

void LocalQueue::WakeClaimerIfRoomLocked() {
  if (!waits_for_room_ || !HasRoomLocked()) return;
  waits_for_room_ = false;
  claimer_.NotifyOne();
}

ClaimedBatch LocalQueue::TakeFrontLocked() {
  ClaimedBatch batch = std::move(waiting_.front().batch);
  batch.jobs.erase(batch.jobs.begin(),
                   batch.jobs.begin() + static_cast<ptrdiff_t>(waiting_.front().next));
  waiting_.pop_front();
  size_ -= static_cast<int>(batch.jobs.size());
  return batch;
}

}  // namespace millrace
