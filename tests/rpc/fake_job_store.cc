#include "tests/rpc/fake_job_store.h"

#include <algorithm>
#include <ranges>

namespace millrace {
namespace {

template <typename T>
bool AnyOrContains(const std::vector<T>& wanted, const T& value) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

JobDetails ToDetails(JobId id, const JobSpec& spec) {
  JobDetails details;
  details.state = spec.run_at.has_value() ? JobState::kScheduled : JobState::kReady;
  Job& job = details.job;
  job.id = id;
  job.task_identifier = spec.task_identifier;
  job.payload = spec.payload.empty() ? "{}" : spec.payload;
  job.priority = spec.priority;
  job.max_attempts = spec.max_attempts.value_or(JobLimits::kDefaultMaxAttempts);
  job.queue_name = spec.queue_name;
  job.created_at = absl::FromUnixSeconds(1'700'000'000);
  job.run_at = spec.run_at.value_or(job.created_at);
  job.flags = spec.flags;
  job.job_key = spec.job_key;
  job.correlation_id = spec.correlation_id;
  job.metadata = spec.metadata;
  return details;
}

}  // namespace

absl::StatusOr<std::vector<AddedJob>> FakeJobStore::AddJobs(const std::vector<JobSpec>& specs,
                                                            const RequestKey& request,
                                                            const CallLimit& call) {
  MutexLock lock(mutex_);
  last_request_ = request;
  ++held_;
  changed_.NotifyAll();
  while (holding_ && call.Check().ok()) changed_.WaitWithTimeout(mutex_, absl::Milliseconds(10));
  --held_;
  changed_.NotifyAll();
  last_time_left_ = call.time_left();
  if (absl::Status wanted = call.Check(); !wanted.ok()) return wanted;
  if (!add_status_.ok()) return add_status_;
  const auto before = added_once_.find(request.id);
  if (!request.empty() && before != added_once_.end()) return before->second;
  std::vector<AddedJob> added;
  for (const JobSpec& spec : specs) added.push_back(AddLocked(spec));
  added_once_[request.id] = added;
  added_.insert(added_.end(), specs.begin(), specs.end());
  return added;
}

AddedJob FakeJobStore::AddLocked(const JobSpec& spec) {
  for (auto& [id, row] : rows_) {
    if (spec.job_key.empty() || row.details.job.job_key != spec.job_key) continue;
    if (spec.job_key_mode == JobKeyMode::kUnsafeDedupe) return {id, AddResult::kExisting};
    row.details = ToDetails(id, spec);
    return {id, AddResult::kUpdated};
  }
  const JobId id = ++last_id_;
  rows_[id].details = ToDetails(id, spec);
  return {id, AddResult::kCreated};
}

absl::StatusOr<JobDetails> FakeJobStore::GetJob(JobId id, const CallLimit& call) {
  MutexLock lock(mutex_);
  last_time_left_ = call.time_left();
  if (!read_status_.ok()) return read_status_;
  const auto found = rows_.find(id);
  if (found == rows_.end()) return absl::NotFoundError("no job has the id " + std::to_string(id));
  return found->second.details;
}

absl::StatusOr<std::vector<Attempt>> FakeJobStore::ListAttempts(JobId id, int limit,
                                                                const CallLimit& call) {
  MutexLock lock(mutex_);
  last_time_left_ = call.time_left();
  if (!read_status_.ok()) return read_status_;
  std::vector<Attempt> attempts = rows_[id].attempts;
  if (attempts.size() > static_cast<size_t>(limit)) attempts.resize(limit);
  return attempts;
}

absl::StatusOr<JobPage> FakeJobStore::ListJobs(const JobFilter& filter, std::optional<JobId> before,
                                               int limit, const CallLimit& call) {
  MutexLock lock(mutex_);
  last_time_left_ = call.time_left();
  largest_limit_ = std::max(largest_limit_, limit);
  if (!read_status_.ok()) return read_status_;
  JobPage page;
  int looked_at = 0;
  std::optional<JobId> last;
  for (const auto& [id, row] : std::views::reverse(rows_)) {
    if (before.has_value() && id >= *before) continue;
    if (looked_at++ == most_looked_at_) {
      page.next_before = last;
      break;
    }
    last = id;
    if (!Matches(filter, row.details)) continue;
    if (page.jobs.size() == static_cast<size_t>(limit)) {
      page.next_before = page.jobs.back().job.id;
      break;
    }
    page.jobs.push_back(row.details);
  }
  return page;
}

absl::StatusOr<std::vector<EndResult>> FakeJobStore::EndJobs(const std::vector<JobId>& ids,
                                                             JobEnding ending,
                                                             const std::string& reason,
                                                             const RequestKey& request,
                                                             const CallLimit& call) {
  MutexLock lock(mutex_);
  last_request_ = request;
  last_time_left_ = call.time_left();
  if (!add_status_.ok()) return add_status_;
  std::vector<EndResult> results;
  for (const JobId id : ids) {
    const auto found = rows_.find(id);
    results.push_back(found == rows_.end() ? EndResult::kNotFound
                                           : EndOne(found->second.details, ending, reason));
  }
  return results;
}

EndResult FakeJobStore::EndOne(JobDetails& details, JobEnding ending, const std::string& reason) {
  const bool cancel = ending == JobEnding::kCancel;
  if (details.state == JobState::kCompleted || details.state == JobState::kCancelled ||
      (details.state == JobState::kExhausted && !cancel)) {
    return EndResult::kEndedBefore;
  }
  if (details.state == JobState::kHeld) {
    if (!cancel && !details.cancel_reason.empty()) return EndResult::kBeingCancelled;
    (cancel ? details.cancel_reason : details.fail_reason) = reason;
    return EndResult::kRequested;
  }
  details.state = cancel ? JobState::kCancelled : JobState::kExhausted;
  details.last_error = reason;
  return EndResult::kEnded;
}

absl::StatusOr<int> FakeJobStore::ResetOverdueJobs(absl::Duration lock_timeout,
                                                   const RequestKey& request,
                                                   const CallLimit& call) {
  MutexLock lock(mutex_);
  last_request_ = request;
  last_time_left_ = call.time_left();
  if (!add_status_.ok()) return add_status_;
  last_lock_timeout_ = lock_timeout;
  return 3;
}

absl::StatusOr<std::vector<JobId>> FakeJobStore::FindEnded(const std::vector<JobId>& ids,
                                                           const CallLimit&) {
  MutexLock lock(mutex_);
  looks_.push_back(ids);
  std::sort(looks_.back().begin(), looks_.back().end());
  changed_.NotifyAll();
  if (!read_status_.ok()) return read_status_;
  std::vector<JobId> ended;
  for (const JobId id : ids) {
    const auto found = rows_.find(id);
    if (found == rows_.end() || WatchedJob{.details = found->second.details}.has_ended()) {
      ended.push_back(id);
    }
  }
  return ended;
}

absl::StatusOr<std::vector<WatchedJob>> FakeJobStore::Look(const std::vector<JobId>& ids,
                                                           const CallLimit&) {
  MutexLock lock(mutex_);
  if (!read_status_.ok()) return read_status_;
  std::vector<WatchedJob> jobs;
  for (const JobId id : ids) {
    const auto found = rows_.find(id);
    if (found == rows_.end()) continue;
    WatchedJob job{.details = found->second.details, .successor = found->second.successor};
    if (!found->second.attempts.empty()) job.last_attempt = found->second.attempts.front();
    jobs.push_back(job);
  }
  return jobs;
}

std::vector<std::vector<JobId>> FakeJobStore::looks() const {
  MutexLock lock(mutex_);
  return looks_;
}

void FakeJobStore::AwaitLooks(size_t count) {
  MutexLock lock(mutex_);
  while (looks_.size() < count) changed_.Wait(mutex_);
}

void FakeJobStore::SetSuccessor(JobId id, JobId successor) {
  MutexLock lock(mutex_);
  rows_.at(id).successor = successor;
}

absl::Duration FakeJobStore::last_lock_timeout() const {
  MutexLock lock(mutex_);
  return last_lock_timeout_;
}

bool FakeJobStore::Matches(const JobFilter& filter, const JobDetails& details) {
  return AnyOrContains(filter.states, details.state) &&
         AnyOrContains(filter.task_identifiers, details.job.task_identifier) &&
         AnyOrContains(filter.queue_names, details.job.queue_name);
}

void FakeJobStore::FailAdds(absl::Status status) {
  MutexLock lock(mutex_);
  add_status_ = std::move(status);
}

void FakeJobStore::FailReads(absl::Status status) {
  MutexLock lock(mutex_);
  read_status_ = std::move(status);
}

void FakeJobStore::HoldAdds() {
  MutexLock lock(mutex_);
  holding_ = true;
}

void FakeJobStore::ReleaseAdds() {
  MutexLock lock(mutex_);
  holding_ = false;
  changed_.NotifyAll();
}

void FakeJobStore::AwaitHeldAdds(int count) {
  MutexLock lock(mutex_);
  while (held_ < count) changed_.Wait(mutex_);
}

void FakeJobStore::AwaitNoHeldAdds() {
  MutexLock lock(mutex_);
  while (held_ > 0) changed_.Wait(mutex_);
}

void FakeJobStore::Put(JobDetails details, std::vector<Attempt> attempts) {
  MutexLock lock(mutex_);
  const JobId id = details.job.id;
  last_id_ = std::max(last_id_, id);
  rows_[id] = Row{std::move(details), std::move(attempts), 0};
}

std::vector<JobSpec> FakeJobStore::added() const {
  MutexLock lock(mutex_);
  return added_;
}

RequestKey FakeJobStore::last_request() const {
  MutexLock lock(mutex_);
  return last_request_;
}

size_t FakeJobStore::size() const {
  MutexLock lock(mutex_);
  return rows_.size();
}

absl::Duration FakeJobStore::last_time_left() const {
  MutexLock lock(mutex_);
  return last_time_left_;
}

void FakeJobStore::LookAtMostAt(int jobs) {
  MutexLock lock(mutex_);
  most_looked_at_ = jobs;
}

int FakeJobStore::largest_limit() const {
  MutexLock lock(mutex_);
  return largest_limit_;
}

}  // namespace millrace
