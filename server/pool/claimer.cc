#include "server/pool/claimer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/random/random.h"
#include "absl/status/statusor.h"

namespace millrace {
namespace {

// Under load jobs that have become due are looked for no more often than this.
constexpr absl::Duration kShortestPromotion = absl::Milliseconds(50);
// While claims bring jobs, those that have become due are looked for so often.
constexpr absl::Duration kPromotionUnderLoad = absl::Milliseconds(200);
// So many claims in a row that bring jobs, or wake-ups without room, end being idle.
constexpr int kClaimsUntilBusy = 3;
constexpr int kWakesUntilBusy = 3;
// So many outcomes may wait to be recorded before claiming pauses, or twice the local queue.
constexpr size_t kLeastBacklog = 1000;
// And results and errors of so many bytes.
constexpr size_t kLongestBacklogBytes = 64 * 1024 * 1024;

}  // namespace

Claimer::Claimer(const PoolConfig& config, ClaimFilter filter, Parts parts)
    : poll_interval_(config.poll_interval),
      longest_backlog_(std::max<size_t>(kLeastBacklog, 2 * config.queue_size)),
      parts_(std::move(parts)),
      plan_(config.queue_size),
      lost_claims_(parts_.store, parts_.errors, parts_.clock),
      filter_(std::move(filter)) {}

void Claimer::Run() {
  while (!stop_) GoRound();
  // With the end of the lease their attempts would be counted.
  lost_claims_.TakeBackAll();
}

void Claimer::RequestStop() {
  stop_ = true;
  parts_.queue.Nudge();
}

void Claimer::Wake() {
  woken_ = true;
  parts_.queue.Nudge();
}

void Claimer::SetFilter(ClaimFilter filter) {
  {
    MutexLock lock(filter_mutex_);
    filter_ = std::move(filter);
    filter_is_new_ = true;
  }
  Wake();
}

void Claimer::TakeFilter() {
  MutexLock lock(filter_mutex_);
  if (!filter_is_new_) return;
  filter_is_new_ = false;
  request_.task_identifiers = filter_.task_identifiers;
  request_.forbidden_flags = filter_.forbidden_flags;
}

void Claimer::NoteDue(absl::Duration after) {
  const absl::Duration due = parts_.clock.Monotonic() + after;
  {
    MutexLock lock(mutex_);
    if (due >= next_due_) return;
    next_due_ = due;
  }
  parts_.queue.Nudge();
}

absl::Duration Claimer::NextDue() const {
  MutexLock lock(mutex_);
  return next_due_;
}

void Claimer::GoRound() {
  GiveBackExpired();
  if (!lost_claims_.TakeBackDue().ok()) {
    Pause();
    return;
  }
  const std::optional<WorkerNumber> worker = MayClaim();
  if (!worker.has_value()) {
    parts_.queue.WaitForNudge(std::min(poll_interval_, NextReturn() - parts_.clock.Monotonic()));
    return;
  }
  PromoteIfDue();
  const LocalQueue::Room room = parts_.queue.GetRoom();
  const int wanted = plan_.Wanted(room.free_workers, room.buffered);
  if (wanted == 0) {
    parts_.on_tick();
    WaitForRoom();
  } else {
    ClaimJobs(*worker, wanted);
  }
}

std::optional<WorkerNumber> Claimer::MayClaim() {
  // Set before looking, so that a change after the look wakes the claimer.
  held_up_ = true;
  const std::optional<WorkerNumber> worker = parts_.lease.worker();
  if (!worker.has_value() || !parts_.lease.MayStart(*worker, parts_.clock.Monotonic()) ||
      parts_.recorder.backlog() > longest_backlog_ ||
      parts_.recorder.backlog_bytes() > kLongestBacklogBytes) {
    return std::nullopt;
  }
  held_up_ = false;
  return worker;
}

void Claimer::GiveBackExpired() {
  for (ClaimedBatch& expired : parts_.queue.TakeExpired(parts_.clock.Monotonic())) {
    // Or the next claim would take them again.
    plan_.NoteStale();
    parts_.recorder.GiveBack(std::move(expired), /*stale=*/true);
  }
}

absl::Duration Claimer::NextReturn() const {
  return std::min(parts_.queue.NextExpiry(), lost_claims_.next_try());
}

void Claimer::PromoteIfDue() {
  const absl::Duration now = parts_.clock.Monotonic();
  // Serial and scheduled jobs that were added just now may come before those that are ready.
  const absl::Duration interval =
      busy_claims_ > 0 ? std::min(poll_interval_, kPromotionUnderLoad) : poll_interval_;
  const bool due = now >= NextDue() || now >= last_promotion_ + interval;
  if (due && now >= last_promotion_ + kShortestPromotion) Promote(now);
}

void Claimer::Promote(absl::Duration now) {
  promote_wanted_ = false;
  last_promotion_ = now;
  {
    // What NoteDue says from here on may be unknown to the answer.
    MutexLock lock(mutex_);
    next_due_ = absl::InfiniteDuration();
  }
  const absl::StatusOr<std::optional<absl::Duration>> next = parts_.store.PromoteDue();
  if (!next.ok()) {
    Fail("look for due jobs", next.status());
  } else if (next->has_value()) {
    MutexLock lock(mutex_);
    next_due_ = std::min(next_due_, parts_.clock.Monotonic() + **next);
  }
}

void Claimer::WaitForRoom() {
  const absl::Duration now = parts_.clock.Monotonic();
  const absl::Duration until = std::min(NextReturn(), now + poll_interval_);
  parts_.queue.WaitForRoom(plan_.Ahead(), plan_.capacity(), until - now);
  if (!woken_.exchange(false)) return;
  promote_wanted_ = true;
  // Nobody needs to tell a pool whose workers are all busy about new jobs.
  if (announced_.has_value() && ++needless_wakes_ >= kWakesUntilBusy) Announce(*announced_, false);
}

void Claimer::ClaimJobs(WorkerNumber worker, int wanted) {
  TakeFilter();
  request_.worker = worker;
  request_.number = absl::Uniform<int64_t>(random_, 0, kClaimNumbers);
  request_.max_jobs = wanted;
  if (woken_.exchange(false)) promote_wanted_ = true;
  const absl::Duration sent = parts_.clock.Monotonic();
  absl::StatusOr<std::vector<ClaimedJob>> jobs = parts_.store.Claim(request_);
  if (!jobs.ok()) {
    lost_claims_.Add(worker, request_.number);
    Fail("claim", jobs.status());
    return;
  }
  backoff_.Reset();
  parts_.on_tick();
  const absl::Duration now = parts_.clock.Monotonic();
  const LocalQueue::Room room = parts_.queue.GetRoom();
  plan_.NoteClaim(now - sent, room.popped, !jobs->empty() && room.buffered == 0, now);
  if (jobs->empty()) {
    NothingToClaim(worker);
  } else {
    TakeJobs(worker, *std::move(jobs), now);
  }
}

void Claimer::TakeJobs(WorkerNumber worker, std::vector<ClaimedJob> jobs,
                       absl::Duration claimed_at) {
  PoolCounts counts;
  counts.claimed = static_cast<int64_t>(jobs.size());
  parts_.counters.Add(counts);
  parts_.metrics.claimed.Increment(static_cast<double>(jobs.size()));
  ClaimedBatch batch{worker, claimed_at, std::move(jobs)};
  ClaimedBatch forbidden;
  const bool pushed = PushAllowed(batch, forbidden);
  if (!forbidden.jobs.empty()) parts_.recorder.GiveBack(std::move(forbidden), /*stale=*/false);
  if (!pushed) {
    if (!batch.jobs.empty()) parts_.return_jobs(std::move(batch));
    return;
  }
  needless_wakes_ = 0;
  if (++busy_claims_ >= kClaimsUntilBusy && announced_.has_value()) Announce(worker, false);
}

bool Claimer::PushAllowed(ClaimedBatch& batch, ClaimedBatch& forbidden) {
  MutexLock lock(filter_mutex_);
  if (filter_is_new_) forbidden = TakeForbidden(batch, filter_);
  return parts_.queue.Push(batch);
}

void Claimer::NothingToClaim(WorkerNumber worker) {
  busy_claims_ = 0;
  if (announced_ != worker) {
    // Claims once more then: a job may have come before the announcement.
    Announce(worker, true);
    return;
  }
  const absl::Duration now = parts_.clock.Monotonic();
  const absl::Duration promotion = last_promotion_ + kShortestPromotion;
  if (promote_wanted_ && now >= promotion) {
    // What has become due is claimed in the next round.
    Promote(now);
    return;
  }
  absl::Duration until =
      std::min({now + poll_interval_, std::max(NextDue(), promotion), NextReturn()});
  if (promote_wanted_) until = std::min(until, promotion);
  Sleep(until);
}

void Claimer::Announce(WorkerNumber worker, bool idle) {
  needless_wakes_ = 0;
  const absl::Status status = parts_.store.AnnounceIdle(worker, idle);
  if (status.ok()) {
    announced_ = idle ? std::optional<WorkerNumber>(worker) : std::nullopt;
  } else if (status.code() == absl::StatusCode::kFailedPrecondition) {
    announced_.reset();
    parts_.on_lease_ended(worker);
  } else {
    Fail("announce idleness", status);
  }
}

void Claimer::Sleep(absl::Duration until) {
  if (woken_ || stop_) return;
  parts_.queue.WaitForNudge(until - parts_.clock.Monotonic());
}

void Claimer::Fail(const char* operation, const absl::Status& status) {
  parts_.errors.Report(operation, status);
  Pause();
}

void Claimer::Pause() {
  const absl::Duration until = parts_.clock.Monotonic() + backoff_.Next();
  while (!stop_ && parts_.clock.Monotonic() < until) {
    parts_.queue.WaitForNudge(until - parts_.clock.Monotonic());
  }
}

}  // namespace millrace
