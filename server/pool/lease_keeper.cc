#include "server/pool/lease_keeper.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "server/base/logging.h"

namespace millrace {

LeaseKeeper::LeaseKeeper(WorkerRegistration registration, absl::Duration heartbeat_interval,
                         Parts parts)
    : registration_(std::move(registration)),
      heartbeat_interval_(heartbeat_interval),
      parts_(std::move(parts)) {}

void LeaseKeeper::Run() {
  ShowExpiry(parts_.clock.Now());
  while (true) {
    std::optional<WorkerNumber> ended;
    {
      MutexLock lock(mutex_);
      if (stop_) break;
      ended = std::exchange(ended_, std::nullopt);
    }
    if (ended.has_value()) Lost(*ended);
    const std::optional<WorkerNumber> worker = parts_.lease.worker();
    // A new registration holds nothing yet.
    if (!worker.has_value()) TakeCancelWish();
    WaitUntil(worker.has_value() ? KeepLease(*worker) : Register());
  }
  parts_.metrics.lease_expires.Set(0);
  EndLease();
}

void LeaseKeeper::RequestStop(bool end_lease) {
  MutexLock lock(mutex_);
  stop_ = true;
  end_lease_ = end_lease;
  changed_.NotifyAll();
}

void LeaseKeeper::ReportEnded(WorkerNumber worker) {
  MutexLock lock(mutex_);
  if (parts_.lease.worker() != worker) return;
  // Cleared at once, so that nothing more is tried under it.
  parts_.lease.Clear();
  ended_ = worker;
  changed_.NotifyAll();
}

absl::Duration LeaseKeeper::Register() {
  const absl::Duration sent = parts_.clock.Monotonic();
  const absl::StatusOr<WorkerNumber> worker = parts_.store.RegisterWorker(registration_);
  if (!worker.ok()) return Repeat("register the pool", worker.status());
  spdlog::info("pool: registered as worker {} ({})", *worker, registration_.worker_id);
  Renewed(*worker, sent);
  parts_.on_registered();
  WatchOthers(*worker);
  return std::min(next_heartbeat_, parts_.lost_pools.NextEnd());
}

absl::Duration LeaseKeeper::KeepLease(WorkerNumber worker) {
  bool look_for_cancelled = TakeCancelWish();
  if (parts_.clock.Monotonic() >= next_heartbeat_) {
    const absl::Duration again = Heartbeat(worker);
    if (again != absl::InfiniteDuration()) return again;
    look_for_cancelled = true;
  }
  if (look_for_cancelled) LookForCancelled(worker);
  WatchOthers(worker);
  return std::min(next_heartbeat_, parts_.lost_pools.NextEnd());
}

absl::Duration LeaseKeeper::Heartbeat(WorkerNumber worker) {
  const absl::Duration sent = parts_.clock.Monotonic();
  const absl::Status status = parts_.store.Heartbeat(worker);
  if (status.code() == absl::StatusCode::kFailedPrecondition) {
    Lost(worker);
    return sent;
  }
  if (!status.ok()) return Repeat("renew the lease", status);
  Renewed(worker, sent);
  return absl::InfiniteDuration();
}

absl::Duration LeaseKeeper::Repeat(const char* operation, const absl::Status& status) {
  parts_.errors.Report(operation, status);
  parts_.lost_pools.Forget();
  return parts_.clock.Monotonic() + std::min(backoff_.Next(), heartbeat_interval_);
}

void LeaseKeeper::Renewed(WorkerNumber worker, absl::Duration sent) {
  backoff_.Reset();
  next_heartbeat_ = sent + heartbeat_interval_;
  {
    MutexLock lock(mutex_);
    // Another thread may have learnt that it was ended since.
    if (ended_ == worker) return;
    parts_.lease.Renew(worker, sent, registration_.lease_ttl);
  }
  ShowExpiry(parts_.clock.Now() + registration_.lease_ttl - (parts_.clock.Monotonic() - sent));
  parts_.on_renewed();
}

void LeaseKeeper::ShowExpiry(absl::Time expires) {
  parts_.metrics.lease_expires.Set(absl::ToDoubleSeconds(expires - absl::UnixEpoch()));
}

bool LeaseKeeper::TakeCancelWish() {
  MutexLock lock(mutex_);
  return std::exchange(cancel_wish_, false);
}

void LeaseKeeper::LookForCancelled(WorkerNumber worker) {
  const absl::StatusOr<std::vector<Hold>> cancelled = parts_.store.ListCancelled(worker);
  if (!cancelled.ok()) return parts_.errors.Report("look for cancelled jobs", cancelled.status());
  if (!cancelled->empty()) parts_.on_cancelled(*cancelled);
}

void LeaseKeeper::NoteCancelled() {
  MutexLock lock(mutex_);
  cancel_wish_ = true;
  changed_.NotifyAll();
}

void LeaseKeeper::Lost(WorkerNumber worker) {
  parts_.lease.Clear();
  {
    MutexLock lock(mutex_);
    ended_.reset();
  }
  parts_.errors.Report("renew the lease",
                       absl::FailedPreconditionError(
                           "another pool has ended the lease and rescued the jobs held under it"));
  spdlog::warn("pool: worker {} registers anew", worker);
  parts_.on_lost();
}

void LeaseKeeper::WatchOthers(WorkerNumber own) {
  parts_.lost_pools.Watch(own, [this] { return IsCalledAway(); });
}

bool LeaseKeeper::IsCalledAway() {
  if (parts_.clock.Monotonic() >= next_heartbeat_) return true;
  MutexLock lock(mutex_);
  return IsWantedLocked();
}

void LeaseKeeper::EndLease() {
  {
    MutexLock lock(mutex_);
    if (!end_lease_) return;
  }
  const std::optional<WorkerNumber> worker = parts_.lease.worker();
  if (!worker.has_value()) return;
  parts_.lease.Clear();
  const absl::Status status = parts_.store.EndWorker(*worker);
  if (!status.ok()) parts_.errors.Report("end the lease", status);
}

void LeaseKeeper::WaitUntil(absl::Duration at) {
  MutexLock lock(mutex_);
  parts_.clock.WaitUntil(mutex_, changed_, at, [this] {
    mutex_.AssertHeld();
    return IsWantedLocked();
  });
}

bool LeaseKeeper::IsWantedLocked() const { return stop_ || ended_.has_value() || cancel_wish_; }

}  // namespace millrace
