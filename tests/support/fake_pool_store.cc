#include "tests/support/fake_pool_store.h"

#include <algorithm>
#include <tuple>

#include "absl/status/statusor.h"

namespace millrace {
namespace {

template <typename T>
bool Contains(const std::vector<T>& values, const T& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

absl::Status LeaseEnded() { return absl::FailedPreconditionError("the lease was ended"); }

}  // namespace

template <typename Body>
auto FakePoolStore::Do(Call call, Body body) -> decltype(body()) {
  MutexLock lock(mutex_);
  ++calls_[IndexOf(call)];
  changed_.NotifyAll();
  while (hangs_[IndexOf(call)]) changed_.Wait(mutex_);
  const std::optional<Fault> fault = TakeFaultLocked(call);
  if (fault.has_value() && !fault->after_doing) return fault->status;
  auto answer = body();
  if (fault.has_value()) return fault->status;
  return answer;
}

std::optional<FakePoolStore::Fault> FakePoolStore::TakeFaultLocked(Call call) {
  Fault& fault = faults_[IndexOf(call)];
  if (fault.times == 0) return std::nullopt;
  if (fault.times > 0) --fault.times;
  return fault;
}

absl::StatusOr<WorkerNumber> FakePoolStore::RegisterWorker(const WorkerRegistration& registration) {
  return Do(Call::kRegister, [&]() -> absl::StatusOr<WorkerNumber> {
    mutex_.AssertHeld();
    workers_[++last_worker_].registration = registration;
    registrations_.push_back(registration);
    return last_worker_;
  });
}

absl::Status FakePoolStore::Heartbeat(WorkerNumber worker) {
  return Do(Call::kHeartbeat, [&]() -> absl::Status {
    mutex_.AssertHeld();
    const auto found = workers_.find(worker);
    if (found == workers_.end()) return LeaseEnded();
    ++found->second.heartbeat;
    return absl::OkStatus();
  });
}

absl::Status FakePoolStore::EndWorker(WorkerNumber worker) {
  return Do(Call::kEndWorker, [&]() -> absl::Status {
    mutex_.AssertHeld();
    FreeAllLocked(worker);
    return absl::OkStatus();
  });
}

std::vector<FakePoolStore::Stored*> FakePoolStore::ClaimableLocked(const ClaimRequest& request) {
  std::vector<Stored*> claimable;
  for (auto& [id, stored] : jobs_) {
    const Job& job = stored.view.job;
    const std::vector<std::string>& tasks = request.task_identifiers;
    const bool refused = std::any_of(
        job.flags.begin(), job.flags.end(),
        [&](const std::string& flag) { return Contains(request.forbidden_flags, flag); });
    if (stored.view.state == JobState::kReady && !refused &&
        (tasks.empty() || Contains(tasks, job.task_identifier))) {
      claimable.push_back(&stored);
    }
  }
  std::sort(claimable.begin(), claimable.end(), [](const Stored* a, const Stored* b) {
    const auto rank = [](const Job& job) { return std::tuple(job.priority, job.run_at, job.id); };
    return rank(a->view.job) < rank(b->view.job);
  });
  return claimable;
}

bool FakePoolStore::QueueIsHeldLocked(const std::string& queue_name) const {
  return !queue_name.empty() && std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& entry) {
    const View& view = entry.second.view;
    return view.state == JobState::kHeld && view.job.queue_name == queue_name;
  });
}

absl::StatusOr<std::vector<ClaimedJob>> FakePoolStore::Claim(const ClaimRequest& request) {
  std::function<void()> on_claim;
  absl::StatusOr<std::vector<ClaimedJob>> jobs =
      Do(Call::kClaim, [&]() -> absl::StatusOr<std::vector<ClaimedJob>> {
        mutex_.AssertHeld();
        claims_.push_back(request);
        std::vector<ClaimedJob> claimed;
        const int most = std::min(request.max_jobs, max_jobs_of_claims_);
        if (!workers_.contains(request.worker)) return claimed;
        if (!claim_numbers_.insert(request.number).second)
          return absl::AlreadyExistsError("the number is in use or was taken back");
        for (Stored* stored : ClaimableLocked(request)) {
          if (static_cast<int>(claimed.size()) >= most) break;
          View& view = stored->view;
          if (QueueIsHeldLocked(view.job.queue_name)) continue;
          view.state = JobState::kHeld;
          view.held_by = request.worker;
          view.last_start_recorded = false;
          view.kept = false;
          view.progress.reset();
          ++view.job.attempt;
          stored->claim_id = request.number;
          ClaimedJob& job = claimed.emplace_back();
          job.claim_id = request.number;
          job.job = view.job;
          job.queue_time_at_claim = clock_.Now() - view.job.run_at;
          job.last_partial_success = stored->last_partial_success;
          job.interruptions = view.interruptions;
        }
        on_claim = claimed.empty() ? nullptr : on_claim_;
        return claimed;
      });
  if (on_claim != nullptr) on_claim();
  return jobs;
}

absl::StatusOr<bool> FakePoolStore::TakeBackClaim(WorkerNumber worker, int64_t number) {
  return Do(Call::kTakeBack, [&]() -> absl::StatusOr<bool> {
    mutex_.AssertHeld();
    if (claims_on_their_way_) return false;
    claim_numbers_.insert(number);
    for (auto& [id, stored] : jobs_) {
      if (stored.view.held_by == worker) GiveBackOneLocked({number, id});
    }
    return true;
  });
}

absl::StatusOr<std::optional<absl::Duration>> FakePoolStore::PromoteDue() {
  return Do(Call::kPromoteDue, [&]() -> absl::StatusOr<std::optional<absl::Duration>> {
    mutex_.AssertHeld();
    std::optional<absl::Duration> next;
    for (auto& [id, stored] : jobs_) {
      if (stored.view.state != JobState::kScheduled) continue;
      const absl::Duration left = stored.view.job.run_at - clock_.Now();
      if (left <= absl::ZeroDuration()) {
        stored.view.state = JobState::kReady;
      } else {
        next = next.has_value() ? std::min(*next, left) : left;
      }
    }
    return next;
  });
}

absl::Status FakePoolStore::AnnounceIdle(WorkerNumber worker, bool idle) {
  return Do(Call::kAnnounceIdle, [&]() -> absl::Status {
    mutex_.AssertHeld();
    const auto found = workers_.find(worker);
    if (found == workers_.end()) return LeaseEnded();
    found->second.idle = idle;
    return absl::OkStatus();
  });
}

FakePoolStore::Stored* FakePoolStore::FindHeldLocked(const Hold& hold) {
  const auto found = jobs_.find(hold.job_id);
  const bool held = found != jobs_.end() && found->second.view.state == JobState::kHeld &&
                    found->second.claim_id == hold.claim_id;
  return held ? &found->second : nullptr;
}

absl::StatusOr<std::vector<bool>> FakePoolStore::RecordLastAttemptStarts(
    const std::vector<Hold>& holds) {
  return Do(Call::kRecordStarts, [&]() -> absl::StatusOr<std::vector<bool>> {
    mutex_.AssertHeld();
    if (absl::Status refused = CheckRefusedLocked(holds); !refused.ok()) return refused;
    std::vector<bool> recorded;
    for (const Hold& hold : holds) {
      Stored* stored = FindHeldLocked(hold);
      recorded.push_back(stored != nullptr);
      if (stored != nullptr) stored->view.last_start_recorded = true;
    }
    return recorded;
  });
}

absl::Status FakePoolStore::CheckRefusedLocked(JobId id) const {
  return refused_.contains(id) ? absl::InternalError("refused") : absl::OkStatus();
}

absl::Status FakePoolStore::CheckRefusedLocked(const std::vector<Hold>& holds) const {
  absl::Status status;
  for (const Hold& hold : holds) status.Update(CheckRefusedLocked(hold.job_id));
  return status;
}

std::optional<RecordVerdict> FakePoolStore::TakeAnswer(Stored& stored) {
  if (!stored.answer.has_value() || stored.answer->second == 0) return std::nullopt;
  --stored.answer->second;
  return stored.answer->first;
}

RecordVerdict FakePoolStore::RecordOneLocked(const AttemptReport& report) {
  Stored* stored = FindHeldLocked({report.claim_id, report.job_id});
  if (stored == nullptr) return VerdictOfEarlierLocked(report);
  if (const auto answer = TakeAnswer(*stored); answer.has_value()) return *answer;
  View& view = stored->view;
  view.history.push_back(report);
  if (!stored->cancel_reason.empty() && report.outcome != AttemptOutcome::kCompleted) {
    view.state = JobState::kCancelled;
    return RecordVerdict::kCancelled;
  }
  if (report.partial_success.has_value()) stored->last_partial_success = report.partial_success;
  switch (report.outcome) {
    case AttemptOutcome::kCompleted:
      view.state = JobState::kCompleted;
      return RecordVerdict::kAccepted;
    case AttemptOutcome::kCancelled:
      view.state = JobState::kCancelled;
      return RecordVerdict::kAccepted;
    case AttemptOutcome::kInterrupted:
      ++view.interruptions;
      --view.job.attempt;
      view.state = JobState::kReady;
      return RecordVerdict::kAccepted;
    case AttemptOutcome::kSnoozed:
      --view.job.attempt;
      break;
    case AttemptOutcome::kFailed:
    case AttemptOutcome::kPartialSuccess:
    case AttemptOutcome::kLost:
      break;
  }
  view.state = report.exhausted ? JobState::kExhausted : JobState::kScheduled;
  view.job.run_at = clock_.Now() + report.delay;
  return RecordVerdict::kAccepted;
}

RecordVerdict FakePoolStore::VerdictOfEarlierLocked(const AttemptReport& report) const {
  const auto found = jobs_.find(report.job_id);
  if (found == jobs_.end()) return RecordVerdict::kStale;
  const std::vector<AttemptReport>& history = found->second.view.history;
  const bool recorded = std::any_of(
      history.begin(), history.end(),
      [&report](const AttemptReport& earlier) { return earlier.claim_id == report.claim_id; });
  return recorded ? RecordVerdict::kAccepted : RecordVerdict::kStale;
}

absl::StatusOr<RecordResult> FakePoolStore::Record(WorkerNumber,
                                                   const std::vector<AttemptReport>& reports) {
  return Do(Call::kRecord, [&]() -> absl::StatusOr<RecordResult> {
    mutex_.AssertHeld();
    record_sizes_.push_back(reports.size());
    for (const AttemptReport& report : reports) {
      if (absl::Status refused = CheckRefusedLocked(report.job_id); !refused.ok()) return refused;
    }
    RecordResult result;
    result.recorded_at.assign(reports.size(), clock_.Now());
    for (const AttemptReport& report : reports)
      AnswerLocked(report.job_id, RecordOneLocked(report), result);
    return result;
  });
}

RecordVerdict FakePoolStore::GiveBackOneLocked(const Hold& hold) {
  Stored* stored = FindHeldLocked(hold);
  if (stored == nullptr) {
    const bool earlier = given_back_.contains({hold.claim_id, hold.job_id});
    return earlier ? RecordVerdict::kAccepted : RecordVerdict::kStale;
  }
  if (const auto answer = TakeAnswer(*stored); answer.has_value()) return *answer;
  const bool cancelled = !stored->cancel_reason.empty();
  stored->view.state = cancelled ? JobState::kCancelled : JobState::kReady;
  --stored->view.job.attempt;
  if (!cancelled) given_back_.insert({hold.claim_id, hold.job_id});
  return cancelled ? RecordVerdict::kCancelled : RecordVerdict::kAccepted;
}

void FakePoolStore::AnswerLocked(JobId id, RecordVerdict verdict, RecordResult& result) {
  if (verdict == RecordVerdict::kCancelled || verdict == RecordVerdict::kFailedForGood) {
    const std::string& reason = jobs_.at(id).cancel_reason;
    result.reasons[result.verdicts.size()] = reason.empty() ? "superseded" : reason;
  }
  result.verdicts.push_back(verdict);
}

absl::StatusOr<RecordResult> FakePoolStore::GiveBack(WorkerNumber, const std::vector<Hold>& holds) {
  return Do(Call::kGiveBack, [&]() -> absl::StatusOr<RecordResult> {
    mutex_.AssertHeld();
    if (absl::Status refused = CheckRefusedLocked(holds); !refused.ok()) return refused;
    RecordResult result;
    result.recorded_at.assign(holds.size(), clock_.Now());
    for (const Hold& hold : holds) AnswerLocked(hold.job_id, GiveBackOneLocked(hold), result);
    return result;
  });
}

absl::Status FakePoolStore::NoteKept(const std::vector<Hold>& holds) {
  return Do(Call::kNoteKept, [&]() -> absl::Status {
    mutex_.AssertHeld();
    for (const Hold& hold : holds) {
      if (Stored* stored = FindHeldLocked(hold); stored != nullptr) stored->view.kept = true;
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::optional<absl::Time>> FakePoolStore::FindCompletion(const Hold& hold) {
  return Do(Call::kFindCompletion, [&]() -> absl::StatusOr<std::optional<absl::Time>> {
    mutex_.AssertHeld();
    if (absl::Status refused = CheckRefusedLocked(hold.job_id); !refused.ok()) return refused;
    const std::vector<AttemptReport>& history = jobs_.at(hold.job_id).view.history;
    const bool completed =
        std::any_of(history.begin(), history.end(), [&hold](const AttemptReport& report) {
          return report.claim_id == hold.claim_id && report.outcome == AttemptOutcome::kCompleted;
        });
    return completed ? std::optional(clock_.Now()) : std::nullopt;
  });
}

absl::StatusOr<std::vector<bool>> FakePoolStore::WriteProgress(
    const std::vector<ProgressReport>& reports) {
  return Do(Call::kWriteProgress, [&]() -> absl::StatusOr<std::vector<bool>> {
    mutex_.AssertHeld();
    std::vector<bool> written;
    for (const ProgressReport& report : reports) {
      Stored* stored = FindHeldLocked(report.hold);
      written.push_back(stored != nullptr);
      if (stored != nullptr) stored->view.progress = report.progress;
    }
    return written;
  });
}

absl::StatusOr<std::vector<Hold>> FakePoolStore::ListCancelled(WorkerNumber worker) {
  return Do(Call::kListCancelled, [&]() -> absl::StatusOr<std::vector<Hold>> {
    mutex_.AssertHeld();
    std::vector<Hold> holds;
    for (const auto& [id, stored] : jobs_) {
      if (stored.view.state == JobState::kHeld && stored.view.held_by == worker &&
          !stored.cancel_reason.empty()) {
        holds.push_back({stored.claim_id, id});
      }
    }
    return holds;
  });
}

absl::StatusOr<std::vector<WorkerLease>> FakePoolStore::ListLeases() {
  return Do(Call::kListLeases, [&]() -> absl::StatusOr<std::vector<WorkerLease>> {
    mutex_.AssertHeld();
    std::vector<WorkerLease> leases;
    for (const auto& [number, worker] : workers_) {
      leases.push_back(
          {number, worker.registration.worker_id, worker.heartbeat, worker.registration.lease_ttl});
    }
    return leases;
  });
}

std::vector<RescuedJob> FakePoolStore::FreeAllLocked(WorkerNumber worker) {
  workers_.erase(worker);
  std::vector<RescuedJob> freed;
  for (auto& [id, stored] : jobs_) {
    View& view = stored.view;
    if (view.state != JobState::kHeld || view.held_by != worker) continue;
    const bool last = view.job.attempt >= view.job.max_attempts;
    std::string reason = stored.cancel_reason;
    if (TakeAnswer(stored) == RecordVerdict::kCancelled) reason = "superseded";
    if (!reason.empty()) {
      view.state = JobState::kCancelled;
    } else if (last && view.last_start_recorded) {
      view.state = JobState::kExhausted;
      reason = "worker lost";
    } else {
      view.state = JobState::kReady;
    }
    freed.push_back({view.job, view.state, std::move(reason)});
    if ((last || view.kept) && view.state == JobState::kReady) --view.job.attempt;
  }
  return freed;
}

absl::StatusOr<std::vector<RescuedJob>> FakePoolStore::Rescue(WorkerNumber worker) {
  std::function<void()> on_rescue;
  absl::StatusOr<std::vector<RescuedJob>> rescued =
      Do(Call::kRescue, [&]() -> absl::StatusOr<std::vector<RescuedJob>> {
        mutex_.AssertHeld();
        on_rescue = on_rescue_;
        return FreeAllLocked(worker);
      });
  if (on_rescue != nullptr) on_rescue();
  return rescued;
}

}  // namespace millrace
