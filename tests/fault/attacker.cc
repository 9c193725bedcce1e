#include "tests/fault/attacker.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

constexpr uint64_t kTasks = 3, kQueues = 12, kKeys = 8;

std::vector<Hold> HoldsOf(const std::vector<ClaimedJob>& jobs) {
  std::vector<Hold> holds;
  for (const ClaimedJob& job : jobs) holds.push_back({job.claim_id, job.job.id});
  return holds;
}

AttemptReport Completion(const ClaimedJob& job) {
  return {.claim_id = job.claim_id,
          .job_id = job.job.id,
          .attempt = job.job.attempt,
          .plain = job.plain};
}

const char* NameOf(RecordVerdict verdict) {
  switch (verdict) {
    case RecordVerdict::kAccepted:
      return "accepted";
    case RecordVerdict::kCancelled:
      return "cancelled";
    case RecordVerdict::kFailedForGood:
      return "failed for good";
    case RecordVerdict::kStale:
      return "stale";
    case RecordVerdict::kBusy:
      return "busy";
  }
  return "";
}

const char* NameOf(EndResult result) {
  switch (result) {
    case EndResult::kEnded:
      return "done";
    case EndResult::kRequested:
      return "requested";
    case EndResult::kEndedBefore:
      return "too late";
    case EndResult::kNotFound:
      return "unknown";
    case EndResult::kBeingCancelled:
      return "cancelled already";
  }
  return "";
}

}  // namespace

Attacker::Attacker(const std::string& database_url, const std::string& schema, AttackWorld& world,
                   uint64_t seed)
    : world_(world),
      database_(*PostgresDatabase::Create({.database_url = database_url, .schema = schema},
                                          metrics_, clock_)),
      jobs_(*database_, metrics_),
      pool_(*database_),
      random_(seed) {
  Register();
}

void Attacker::Act() {
  using Action = void (Attacker::*)();
  static const std::vector<std::pair<Action, int>> kActions = {
      {&Attacker::AddOne, 10},  {&Attacker::AddInATransaction, 3}, {&Attacker::AddMany, 1},
      {&Attacker::Claim, 14},   {&Attacker::Complete, 8},          {&Attacker::ReportAnything, 8},
      {&Attacker::GiveBack, 2}, {&Attacker::StartLastAttempts, 2}, {&Attacker::Die, 1},
      {&Attacker::Rescue, 3},   {&Attacker::ReportLate, 2},        {&Attacker::LoseAClaim, 2},
      {&Attacker::EndSome, 2}};
  static const int kSum = [] {
    int sum = 0;
    for (const auto& [action, weight] : kActions) sum += weight;
    return sum;
  }();
  int choice = static_cast<int>(Random(kSum));
  for (const auto& [action, weight] : kActions) {
    choice -= weight;
    if (choice < 0) return (this->*action)();
  }
}

void Attacker::Expect(const absl::Status& status, const std::string& what) {
  // Applications that replace several keys can be in each other's way; that is their transaction's
  // to repeat.
  if (absl::IsAborted(status)) return world_.Count(what + " aborted");
  if (!status.ok()) world_.AddViolation(absl::StrCat(what, ": ", status.ToString()));
}

void Attacker::Register() {
  const auto worker =
      pool_.RegisterWorker({.worker_id = absl::StrCat("attacker-", Random(1'000'000'000)),
                            .pool_name = "attack",
                            .host = "h",
                            .pid = 1,
                            .version = "1",
                            .lease_ttl = absl::Seconds(15)});
  Expect(worker.status(), "register");
  if (worker.ok()) worker_ = *worker;
}

JobSpec Attacker::RandomSpec() {
  static const std::array<std::vector<std::string>, 5> kFlags = {{{}, {}, {}, {"x"}, {"y"}}};
  static const std::array<int, 5> kDelaysMs = {-1000, 0, 0, 50, 300};
  JobSpec spec;
  spec.task_identifier = absl::StrCat("task", Random(kTasks));
  spec.priority = static_cast<int>(Random(3));
  spec.max_attempts = Random(4) == 0 ? 1 : 5;
  spec.flags = kFlags[Random(kFlags.size())];
  spec.run_at = absl::Now() + absl::Milliseconds(kDelaysMs[Random(kDelaysMs.size())]);
  if (Random(2) == 0) spec.queue_name = absl::StrCat("queue", Random(kQueues));
  if (Random(5) < 2) {
    spec.job_key = absl::StrCat("key", Random(kKeys));
    spec.job_key_mode = static_cast<JobKeyMode>(Random(3));
  }
  return spec;
}

void Attacker::AddOne() {
  const auto added = jobs_.AddJobs({RandomSpec()});
  Expect(added.status(), "add");
  if (added.ok())
    world_.Count(added->at(0).result == AddResult::kCreated ? "added" : "replaced or deduped");
}

void Attacker::AddMany() {
  JobSpec spec = RandomSpec();
  spec.queue_name.clear();
  spec.job_key.clear();
  spec.job_key_mode.reset();
  const size_t count = 1 + Random(150);
  Expect(jobs_.AddJobs(std::vector<JobSpec>(count, spec)).status(), "add many");
  world_.Count("added in chunks", static_cast<int64_t>(count));
}

void Attacker::AddInATransaction() {
  std::vector<std::string> keys;
  for (uint64_t key = Random(3); key < kKeys; key += 3) keys.push_back(absl::StrCat("key", key));
  const bool commit = Random(3) != 0;
  const std::string open_seconds = absl::StrCat("0.0", Random(3));
  Expect(database_->Run(
             "application",
             [&](PostgresConnection& connection) {
               pqxx::work transaction(connection.raw());
               for (const std::string& key : keys) {
                 transaction.exec(absl::StrCat(
                     "select ", database_->statements().schema(), ".add_job('task", Random(kTasks),
                     "', job_key := '", key, "', queue_name := ",
                     Random(2) == 0 ? "null" : absl::StrCat("'queue", Random(kQueues), "'"), ")"));
               }
               transaction.exec(absl::StrCat("select pg_sleep(", open_seconds,
                                             ")"));  // the application's other work
               if (commit) transaction.commit();
             }),
         "application");
  world_.Count("application transactions");
}

void Attacker::EndSome() {
  static const std::vector<JobState> kStates = {JobState::kReady, JobState::kScheduled,
                                                JobState::kQueuedBehind, JobState::kHeld,
                                                JobState::kExhausted};
  const auto page = jobs_.ListJobs({.states = {kStates[Random(kStates.size())]}}, std::nullopt, 30);
  Expect(page.status(), "list");
  if (!page.ok()) return;
  std::vector<JobId> ids;
  for (const JobDetails& job : page->jobs) {
    if (Random(4) == 0) ids.push_back(job.job.id);
  }
  if (ids.empty()) return;
  const JobEnding ending = Random(2) == 0 ? JobEnding::kCancel : JobEnding::kFail;
  const std::string what = ending == JobEnding::kCancel ? "cancel" : "fail";
  const auto results = jobs_.EndJobs(ids, ending, "attacked");
  Expect(results.status(), what);
  if (!results.ok()) return;
  for (const EndResult result : *results) {
    if (result == EndResult::kNotFound) world_.AddViolation("a job that was listed is unknown");
    world_.Count(absl::StrCat(what, " ", NameOf(result)));
  }
}

std::vector<ClaimedJob> Attacker::TakeSomeHeld(size_t most) {
  std::shuffle(held_.begin(), held_.end(), random_);
  const size_t count = std::min(held_.size(), 1 + Random(most));
  std::vector<ClaimedJob> some(held_.end() - static_cast<ptrdiff_t>(count), held_.end());
  held_.resize(held_.size() - count);
  return some;
}

void Attacker::Send(WorkerNumber worker, const std::vector<ClaimedJob>& jobs,
                    std::vector<AttemptReport> reports, const std::string& what) {
  world_.EndRunning(jobs);
  while (!reports.empty()) {
    const auto result = pool_.Record(worker, reports);
    Expect(result.status(), what);
    if (!result.ok()) return;
    std::vector<AttemptReport> busy;
    for (size_t i = 0; i < reports.size(); ++i) {
      if (result->verdicts[i] == RecordVerdict::kBusy) busy.push_back(reports[i]);
      world_.Count(absl::StrCat(what, " ", NameOf(result->verdicts[i])));
    }
    reports = std::move(busy);
  }
}

void Attacker::Complete() {
  const std::vector<ClaimedJob> jobs = TakeSomeHeld(60);
  std::vector<AttemptReport> reports;
  for (const ClaimedJob& job : jobs) reports.push_back(Completion(job));
  Send(worker_, jobs, std::move(reports), "completion");
}

AttemptReport Attacker::RandomReport(const ClaimedJob& job) {
  static const std::array kOutcomes = {
      AttemptOutcome::kCompleted, AttemptOutcome::kFailed,    AttemptOutcome::kPartialSuccess,
      AttemptOutcome::kSnoozed,   AttemptOutcome::kCancelled, AttemptOutcome::kInterrupted};
  AttemptReport report = Completion(job);
  report.outcome = kOutcomes[Random(kOutcomes.size())];
  report.delay = absl::Milliseconds(Random(3) * 50);
  if (report.outcome == AttemptOutcome::kFailed) report.error_message = "failed";
  if (report.outcome == AttemptOutcome::kPartialSuccess)
    report.partial_success = PartialSuccess{{"a"}, {"b"}, "b", "{}"};
  report.exhausted = (report.outcome == AttemptOutcome::kFailed ||
                      report.outcome == AttemptOutcome::kPartialSuccess) &&
                     job.job.attempt >= job.job.max_attempts;
  return report;
}

void Attacker::ReportAnything() {
  const std::vector<ClaimedJob> jobs = TakeSomeHeld(20);
  std::vector<AttemptReport> reports;
  for (const ClaimedJob& job : jobs) reports.push_back(RandomReport(job));
  Send(worker_, jobs, std::move(reports), "report");
}

void Attacker::GiveBack() {
  std::vector<ClaimedJob> jobs = TakeSomeHeld(20);
  world_.EndRunning(jobs);
  while (!jobs.empty()) {
    const auto result = pool_.GiveBack(worker_, HoldsOf(jobs));
    Expect(result.status(), "give back");
    if (!result.ok()) return;
    std::vector<ClaimedJob> busy;
    for (size_t i = 0; i < jobs.size(); ++i) {
      if (result->verdicts[i] == RecordVerdict::kBusy) busy.push_back(jobs[i]);
      if (result->verdicts[i] == RecordVerdict::kStale)
        world_.AddViolation("what a living worker gave back was stale");
    }
    world_.Count("given back", static_cast<int64_t>(jobs.size() - busy.size()));
    jobs = std::move(busy);
  }
}

void Attacker::StartLastAttempts() {
  std::vector<Hold> last;
  for (const ClaimedJob& job : held_) {
    if (job.job.attempt == job.job.max_attempts) last.push_back({job.claim_id, job.job.id});
  }
  const auto held = pool_.RecordLastAttemptStarts(last);
  Expect(held.status(), "start");
  if (held.ok() && std::count(held->begin(), held->end(), false) > 0)
    world_.AddViolation("a living worker lost a claim");
  world_.Count("last attempts started", static_cast<int64_t>(last.size()));
}

void Attacker::Die() {
  world_.Die(worker_, held_);
  former_selves_.push_back({worker_, std::exchange(held_, {})});
  Register();
}

void Attacker::Rescue() {
  const auto dead = world_.TakeDead(Random(1'000'000));
  if (!dead.has_value()) return;
  // What is left because another transaction works on it is for the next round.
  for (int round = 0; round < 50; ++round) {
    const auto rescued = pool_.Rescue(dead->worker);
    Expect(rescued.status(), "rescue");
    if (!rescued.ok()) continue;
    world_.Count("rescued", static_cast<int64_t>(rescued->size()));
    const auto leases = pool_.ListLeases();
    Expect(leases.status(), "leases");
    if (leases.ok() && std::none_of(leases->begin(), leases->end(), [&](const WorkerLease& lease) {
          return lease.worker == dead->worker;
        }))
      return;
  }
  world_.Die(dead->worker, {});
}

void Attacker::ReportLate() {
  if (former_selves_.empty()) return;
  const AttackWorld::DeadWorker former = std::move(former_selves_.back());
  former_selves_.pop_back();
  std::vector<AttemptReport> reports;
  for (const ClaimedJob& job : former.held) reports.push_back(RandomReport(job));
  Send(former.worker, former.held, std::move(reports), "late report");
}

void Attacker::Finish() {
  while (!held_.empty()) Complete();
}

size_t Attacker::ClaimAndComplete(int count) {
  Expect(pool_.PromoteDue().status(), "promote");
  ClaimRequest request{.worker = worker_,
                       .number = static_cast<int64_t>(Random(kClaimNumbers)),
                       .max_jobs = count,
                       .task_identifiers = {},
                       .forbidden_flags = {}};
  auto claimed = pool_.Claim(request);
  Expect(claimed.status(), "claim");
  if (!claimed.ok()) return 0;
  world_.BeginRunning(*claimed);
  held_ = *std::move(claimed);
  const size_t jobs = held_.size();
  Finish();
  return jobs;
}

}  // namespace millrace
