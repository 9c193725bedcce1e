#include "server/pool/lost_claims.h"

#include <utility>

#include "absl/status/statusor.h"
#include "server/pool/backoff.h"

namespace millrace {
namespace {

constexpr char kOperation[] = "take back a claim";
// Before one that is still on its way is tried again.
constexpr absl::Duration kPause = absl::Seconds(1);

}  // namespace

void LostClaims::Add(WorkerNumber worker, int64_t number) {
  claims_.push_back({worker, number});
  next_try_ = clock_.Monotonic();
}

absl::Status LostClaims::TakeBackDue() {
  return clock_.Monotonic() < next_try_ ? absl::OkStatus() : TakeBack();
}

absl::Status LostClaims::TakeBack() {
  std::vector<LostClaim> left;
  for (const LostClaim& claim : claims_) {
    const absl::StatusOr<bool> done = store_.TakeBackClaim(claim.worker, claim.number);
    if (!done.ok()) {
      errors_.Report(kOperation, done.status());
      return done.status();
    }
    if (!*done) left.push_back(claim);
  }
  claims_ = std::move(left);
  next_try_ = claims_.empty() ? absl::InfiniteDuration() : clock_.Monotonic() + kPause;
  return absl::OkStatus();
}

void LostClaims::TakeBackAll() {
  Backoff backoff;
  while (!claims_.empty()) {
    // What fails has been reported, and is tried again.
    TakeBack().IgnoreError();
    if (claims_.empty()) return;
    MutexLock lock(mutex_);
    const bool abandoned = clock_.WaitFor(mutex_, changed_, backoff.Next(), [this] {
      mutex_.AssertHeld();
      return abandoned_;
    });
    if (abandoned) return;
  }
}

void LostClaims::Abandon() {
  MutexLock lock(mutex_);
  abandoned_ = true;
  changed_.NotifyAll();
}

}  // namespace millrace
