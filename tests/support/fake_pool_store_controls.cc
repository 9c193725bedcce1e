// What tests ask of a FakePoolStore; fake_pool_store.cc has what pools do.

#include <algorithm>
#include <utility>

#include "tests/support/fake_pool_store.h"

namespace millrace {

JobId FakePoolStore::Add(Job job) {
  MutexLock lock(mutex_);
  job.id = ++last_job_;
  job.created_at = clock_.Now();
  Stored& stored = jobs_[job.id];
  stored.view.state = job.run_at > clock_.Now() ? JobState::kScheduled : JobState::kReady;
  job.run_at = std::max(job.run_at, clock_.Now());
  stored.view.job = std::move(job);
  changed_.NotifyAll();
  return last_job_;
}

JobId FakePoolStore::AddTask(const std::string& task_identifier, int max_attempts) {
  Job job;
  job.task_identifier = task_identifier;
  job.max_attempts = max_attempts;
  return Add(std::move(job));
}

FakePoolStore::View FakePoolStore::Look(JobId id) const {
  MutexLock lock(mutex_);
  return jobs_.at(id).view;
}

void FakePoolStore::SetInterruptions(JobId id, int interruptions) {
  MutexLock lock(mutex_);
  jobs_.at(id).view.interruptions = interruptions;
}

void FakePoolStore::AnswerWith(JobId id, RecordVerdict verdict, int times) {
  MutexLock lock(mutex_);
  jobs_.at(id).answer = {verdict, times};
}

void FakePoolStore::Cancel(JobId id, const std::string& reason) {
  MutexLock lock(mutex_);
  Stored& stored = jobs_.at(id);
  if (stored.view.state == JobState::kHeld) {
    stored.cancel_reason = reason;
  } else {
    stored.view.state = JobState::kCancelled;
  }
  changed_.NotifyAll();
}

void FakePoolStore::SetMaxJobsOfClaims(int max_jobs) {
  MutexLock lock(mutex_);
  max_jobs_of_claims_ = max_jobs;
}

void FakePoolStore::SetClaimsOnTheirWay(bool on_their_way) {
  MutexLock lock(mutex_);
  claims_on_their_way_ = on_their_way;
}

void FakePoolStore::OnClaim(std::function<void()> on_claim) {
  MutexLock lock(mutex_);
  on_claim_ = std::move(on_claim);
}

void FakePoolStore::OnRescue(std::function<void()> on_rescue) {
  MutexLock lock(mutex_);
  on_rescue_ = std::move(on_rescue);
}

JobId FakePoolStore::LastHeld() const {
  MutexLock lock(mutex_);
  JobId last = 0;
  for (const auto& [id, stored] : jobs_) {
    if (stored.view.state == JobState::kHeld) last = id;
  }
  return last;
}

void FakePoolStore::Fail(Call call, absl::Status status, int times, bool after_doing) {
  MutexLock lock(mutex_);
  faults_[IndexOf(call)] = {std::move(status), times, after_doing};
}

void FakePoolStore::FailAll() {
  MutexLock lock(mutex_);
  faults_.fill({absl::UnavailableError("the database is away"), kAlways, false});
}

void FakePoolStore::Mend() {
  MutexLock lock(mutex_);
  faults_.fill({});
  refused_.clear();
}

void FakePoolStore::Refuse(JobId id) {
  MutexLock lock(mutex_);
  refused_.insert(id);
}

void FakePoolStore::Hang(Call call) {
  MutexLock lock(mutex_);
  hangs_[IndexOf(call)] = true;
}

void FakePoolStore::Release(Call call) {
  MutexLock lock(mutex_);
  hangs_[IndexOf(call)] = false;
  changed_.NotifyAll();
}

int FakePoolStore::CountCalls(Call call) const {
  MutexLock lock(mutex_);
  return calls_[IndexOf(call)];
}

std::vector<size_t> FakePoolStore::RecordSizes() const {
  MutexLock lock(mutex_);
  return record_sizes_;
}

std::vector<ClaimRequest> FakePoolStore::Claims() const {
  MutexLock lock(mutex_);
  return claims_;
}

bool FakePoolStore::IsRegistered(WorkerNumber worker) const {
  MutexLock lock(mutex_);
  return workers_.contains(worker);
}

bool FakePoolStore::IsIdle(WorkerNumber worker) const {
  MutexLock lock(mutex_);
  const auto found = workers_.find(worker);
  return found != workers_.end() && found->second.idle;
}

std::vector<WorkerRegistration> FakePoolStore::Registrations() const {
  MutexLock lock(mutex_);
  return registrations_;
}

bool FakePoolStore::WaitUntil(const std::function<bool()>& condition) const {
  const SystemClock real;
  const absl::Duration deadline = real.Monotonic() + absl::Minutes(1);
  while (!condition()) {
    if (real.Monotonic() > deadline) return false;
    MutexLock lock(mutex_);
    changed_.WaitWithTimeout(mutex_, absl::Milliseconds(5));
  }
  return true;
}

bool FakePoolStore::WaitForCalls(Call call, int count) const {
  return WaitUntil([this, call, count] { return CountCalls(call) >= count; });
}

bool FakePoolStore::WaitForState(JobId id, JobState state) const {
  return WaitUntil([this, id, state] { return Look(id).state == state; });
}

}  // namespace millrace
