#include "server/rpc/job_watcher.h"

#include <algorithm>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/base/logging.h"
#include "server/base/named_thread.h"

namespace millrace {
namespace {

// Events that are looked at in one step.
constexpr size_t kEventsAtOnce = 10'000;

absl::Status ShuttingDown() { return absl::UnavailableError("server is shutting down"); }

bool IsEnd(EventType type) {
  return type == EventType::kJobCompleted || type == EventType::kJobCancelled ||
         type == EventType::kJobExhausted;
}

// How a look that failed is told to one whose time has passed: that it was late is our affair.
absl::Status ToWaiter(const absl::Status& status) {
  if (!absl::IsDeadlineExceeded(status)) return status;
  return absl::UnavailableError("database: it did not answer in time");
}

}  // namespace

JobWatcher::JobWatcher(JobWatchStore& store, EventEmitter& emitter, Clock& clock, Options options)
    : store_(store),
      emitter_(emitter),
      clock_(clock),
      options_(options),
      pause_(options.interval) {}

JobWatcher::~JobWatcher() {
  RequestStop();
  Join();
}

absl::Status JobWatcher::Start() {
  {
    MutexLock lock(mutex_);
    if (stopping_) return absl::FailedPreconditionError("stopped before it was started");
    running_ = true;
  }
  listener_id_ = emitter_.AddListener([this] { OnEmit(); });
  thread_ = StartNamedThread("job-watcher", [this] { Work(); });
  return absl::OkStatus();
}

void JobWatcher::RequestStop() {
  Jobs unanswered;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    unanswered = std::move(jobs_);
    jobs_.clear();
    ends_.clear();
    waits_ = 0;
    changed_.NotifyAll();
  }
  for (const auto& [job, waits] : unanswered) {
    for (const Wait& wait : waits) wait.waiter->OnAnswer(ShuttingDown());
  }
}

void JobWatcher::Join() {
  if (thread_.joinable()) thread_.join();
  if (listener_id_.has_value()) emitter_.RemoveListener(*std::exchange(listener_id_, std::nullopt));
}

absl::Status JobWatcher::Watch(JobId job, absl::Duration timeout,
                               std::shared_ptr<JobWaiter> waiter) {
  const absl::Duration until = clock_.Monotonic() + timeout;
  MutexLock lock(mutex_);
  if (!running_ || stopping_) return ShuttingDown();
  if (waits_ >= options_.max_waits) {
    return absl::ResourceExhaustedError(absl::StrCat(waits_, " calls wait for jobs already"));
  }
  ++waits_;
  jobs_[job].push_back({std::move(waiter), until});
  if (until < absl::InfiniteDuration()) ends_.emplace(until, job);
  new_jobs_.push_back(job);
  changed_.NotifyAll();
  return absl::OkStatus();
}

void JobWatcher::Forget(JobId job, const JobWaiter& waiter) {
  // Outlives the lock, since it may be the last reference.
  std::shared_ptr<JobWaiter> last;
  MutexLock lock(mutex_);
  const auto found = jobs_.find(job);
  if (found == jobs_.end()) return;
  std::vector<Wait>& waits = found->second;
  const auto wait = std::find_if(waits.begin(), waits.end(), [&waiter](const Wait& candidate) {
    return candidate.waiter.get() == &waiter;
  });
  if (wait == waits.end()) return;
  if (const auto end = ends_.find({wait->until, job}); end != ends_.end()) ends_.erase(end);
  last = std::move(wait->waiter);
  waits.erase(wait);
  if (waits.empty()) jobs_.erase(found);
  --waits_;
}

void JobWatcher::OnEmit() {
  MutexLock lock(mutex_);
  if (waits_ == 0 || std::exchange(emitted_, true)) return;
  changed_.NotifyAll();
}

void JobWatcher::Work() {
  while (std::optional<Round> round = Await()) NoteResult(Look(*round), *round);
}

std::optional<JobWatcher::Round> JobWatcher::Await() {
  Round round;
  MutexLock lock(mutex_);
  round.first = jobs_.empty();
  while (!stopping_ && jobs_.empty()) changed_.Wait(mutex_);
  if (round.first) next_look_ = clock_.Monotonic() + pause_;
  const absl::Duration wake_at =
      ends_.empty() ? next_look_ : std::min(next_look_, ends_.begin()->first);
  clock_.WaitUntil(mutex_, changed_, wake_at, [this] {
    mutex_.AssertHeld();
    return stopping_ || emitted_ || !new_jobs_.empty();
  });
  if (stopping_) return std::nullopt;
  round.emitted = std::exchange(emitted_, false);
  round.asked = std::exchange(new_jobs_, {});
  if (clock_.Monotonic() >= next_look_) {
    round.asked.clear();
    for (const auto& [job, waits] : jobs_) round.asked.push_back(job);
    next_look_ = clock_.Monotonic() + pause_;
  }
  round.overdue = OverdueLocked();
  return round;
}

std::vector<JobId> JobWatcher::OverdueLocked() const {
  std::vector<JobId> overdue;
  const absl::Duration now = clock_.Monotonic();
  for (const auto& [end, job] : ends_) {
    if (end > now) break;
    overdue.push_back(job);
  }
  return overdue;
}

absl::Status JobWatcher::Look(Round& round) {
  if (round.first) {
    seen_sequence_ = emitter_.last_sequence();
  } else if (round.emitted) {
    const std::vector<JobId> ended = ReadEvents();
    round.asked.insert(round.asked.end(), ended.begin(), ended.end());
  }
  std::vector<JobId> to_tell = round.overdue;
  if (!round.asked.empty()) {
    const auto ended =
        store_.FindEnded(round.asked, CallLimit(options_.call_limit, /*caller_has_gone=*/nullptr));
    if (!ended.ok()) return ended.status();
    to_tell.insert(to_tell.end(), ended->begin(), ended->end());
  }
  std::sort(to_tell.begin(), to_tell.end());
  to_tell.erase(std::unique(to_tell.begin(), to_tell.end()), to_tell.end());
  return Tell(to_tell);
}

std::vector<JobId> JobWatcher::ReadEvents() {
  std::vector<JobId> ended;
  while (seen_sequence_ < emitter_.last_sequence()) {
    // What is missing is found by the next look for all jobs.
    const EventReading reading = emitter_.Read(seen_sequence_, kEventsAtOnce);
    if (reading.blocks.empty()) break;
    for (const auto& block : reading.blocks) {
      block->ForEach([&ended](const Event& event) {
        if (IsEnd(event.type)) ended.push_back(std::get<JobEventData>(event.data).job_id);
      });
    }
    seen_sequence_ = reading.blocks.back()->last_sequence();
    MutexLock lock(mutex_);
    std::erase_if(ended, [this](JobId job) {
      mutex_.AssertHeld();
      return !jobs_.contains(job);
    });
  }
  return ended;
}

absl::Status JobWatcher::Tell(const std::vector<JobId>& jobs) {
  for (size_t from = 0; from < jobs.size(); from += options_.jobs_at_once) {
    const size_t to = std::min(jobs.size(), from + options_.jobs_at_once);
    const std::vector<JobId> some(jobs.begin() + from, jobs.begin() + to);
    const auto looked =
        store_.Look(some, CallLimit(options_.call_limit, /*caller_has_gone=*/nullptr));
    if (!looked.ok()) return looked.status();
    absl::flat_hash_map<JobId, const WatchedJob*> found;
    for (const WatchedJob& job : *looked) found[job.details.job.id] = &job;
    for (const JobId id : some) {
      const auto job = found.find(id);
      if (job == found.end()) {
        Answer(id, absl::NotFoundError(absl::StrCat("no job has the id ", id)), /*to_all=*/true);
      } else {
        Answer(id, *job->second, job->second->has_ended());
      }
    }
  }
  return absl::OkStatus();
}

void JobWatcher::Answer(JobId job, const absl::StatusOr<WatchedJob>& answer, bool to_all) {
  std::vector<Wait> waits;
  {
    MutexLock lock(mutex_);
    waits = TakeLocked(job, to_all);
  }
  for (const Wait& wait : waits) wait.waiter->OnAnswer(answer);
}

std::vector<JobWatcher::Wait> JobWatcher::TakeLocked(JobId job, bool all) {
  std::vector<Wait> taken;
  const auto found = jobs_.find(job);
  if (found == jobs_.end()) return taken;
  std::vector<Wait>& waits = found->second;
  const absl::Duration now = clock_.Monotonic();
  const auto first_taken = std::partition(waits.begin(), waits.end(), [all, now](const Wait& wait) {
    return !all && wait.until > now;
  });
  for (auto wait = first_taken; wait != waits.end(); ++wait) {
    if (const auto end = ends_.find({wait->until, job}); end != ends_.end()) ends_.erase(end);
    taken.push_back(std::move(*wait));
  }
  waits_ -= taken.size();
  waits.erase(first_taken, waits.end());
  if (waits.empty()) jobs_.erase(found);
  return taken;
}

void JobWatcher::NoteResult(const absl::Status& looked, const Round& round) {
  if (round.asked.empty() && round.overdue.empty()) return;
  if (looked.ok()) {
    pause_ = options_.interval;
    return;
  }
  if (pause_ == options_.interval) {
    spdlog::warn("cannot look whether jobs have ended, which callers wait for: {}",
                 std::string(looked.message()));
  }
  pause_ = std::min(2 * pause_, options_.longest_interval);
  next_look_ = clock_.Monotonic() + pause_;
  for (const JobId job : round.overdue) Answer(job, ToWaiter(looked), /*to_all=*/false);
}

}  // namespace millrace
