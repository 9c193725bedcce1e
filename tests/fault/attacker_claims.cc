#include <algorithm>
#include <array>
#include <thread>

#include "absl/status/statusor.h"
#include "tests/fault/attacker.h"

namespace millrace {
namespace {

constexpr size_t kMostHeld = 150;

}  // namespace

ClaimRequest Attacker::RandomRequest() {
  static const std::array<int, 4> kCounts = {1, 3, 10, 60};
  ClaimRequest request{.worker = worker_,
                       .number = static_cast<int64_t>(Random(kClaimNumbers)),
                       .max_jobs = kCounts[Random(kCounts.size())],
                       .task_identifiers = {},
                       .forbidden_flags = {}};
  if (Random(3) == 0) request.task_identifiers = {"task0", "task2"};
  if (Random(3) == 0) request.forbidden_flags = {"x"};
  return request;
}

void Attacker::Claim() {
  if (held_.size() > kMostHeld) return Complete();
  Expect(pool_.PromoteDue().status(), "promote");
  const ClaimRequest request = RandomRequest();
  const auto claimed = pool_.Claim(request);
  Expect(claimed.status(), "claim");
  if (!claimed.ok()) return;
  if (claimed->size() > static_cast<size_t>(request.max_jobs))
    world_.AddViolation("claimed more than was wanted");
  for (const ClaimedJob& job : *claimed) {
    const bool refused = !request.forbidden_flags.empty() &&
                         std::count(job.job.flags.begin(), job.job.flags.end(), "x") > 0;
    if (refused) world_.AddViolation("claimed a job with a forbidden flag");
    if (job.job.attempt > job.job.max_attempts)
      world_.AddViolation("claimed a job without attempts left");
  }
  world_.BeginRunning(*claimed);
  world_.Count("claimed", static_cast<int64_t>(claimed->size()));
  held_.insert(held_.end(), claimed->begin(), claimed->end());
}

void Attacker::LoseAClaim() {
  const ClaimRequest request = RandomRequest();
  absl::StatusOr<std::vector<ClaimedJob>> claimed;
  std::thread on_its_way([&] { claimed = pool_.Claim(request); });
  absl::StatusOr<bool> done = false;
  while (done.ok() && !*done) done = pool_.TakeBackClaim(request.worker, request.number);
  on_its_way.join();
  Expect(done.status(), "take back");
  if (absl::IsAlreadyExists(claimed.status())) return world_.Count("claims refused");
  Expect(claimed.status(), "claim");
  if (!claimed.ok() || claimed->empty()) return;
  world_.Count("taken back", static_cast<int64_t>(claimed->size()));
  std::vector<Hold> holds;
  for (const ClaimedJob& job : *claimed) holds.push_back({job.claim_id, job.job.id});
  const auto held = pool_.RecordLastAttemptStarts(holds);
  Expect(held.status(), "start");
  if (held.ok() && std::count(held->begin(), held->end(), true) > 0)
    world_.AddViolation("a claim that was taken back still holds a job");
}

}  // namespace millrace
