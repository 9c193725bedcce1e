#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/lifecycle.h"
#include "server/base/mutex.h"
#include "server/events/event_emitter.h"
#include "server/store/job_watch_store.h"

namespace millrace {

// One who waits for the end of a job.
class JobWaiter {
 public:
  virtual ~JobWaiter() = default;
  // Called once at most, under no lock, by the watcher's thread or by that which stops it; must not
  // block. The job has ended, or the time to wait for it has passed. An error: NOT_FOUND, or
  // UNAVAILABLE as the watcher stops, or what the database said when the time had passed.
  virtual void OnAnswer(const absl::StatusOr<WatchedJob>& answer) = 0;
};

// Waits for the ends of jobs, wherever they run, for any number of callers: one thread, asleep
// while nobody waits, looks for all jobs that are waited for in one statement at a time. What the
// pool of this server has recorded it learns from the emitter, and so at once. While the database
// fails, waits go on. Owned by the RpcServer; the store, the emitter and the clock outlive it.
// Thread-safe.
class JobWatcher final : public Lifecycle {
 public:
  struct Options {
    // At a time.
    size_t max_waits = 10'000;
    // Between two looks for all jobs.
    absl::Duration interval = absl::Milliseconds(100);
    // The same while looks fail: it doubles up to this.
    absl::Duration longest_interval = absl::Seconds(2);
    // What one look may take, since the time of waits may pass meanwhile.
    absl::Duration call_limit = absl::Seconds(5);
    // Jobs that are read whole at a time, each of which may be some MiB large.
    size_t jobs_at_once = 20;
  };

  JobWatcher(JobWatchStore& store, EventEmitter& emitter, Clock& clock, Options options);
  ~JobWatcher() override;

  absl::Status Start() override;
  // Answers all who wait with UNAVAILABLE, and takes no more.
  void RequestStop() override;
  void Join() override;

  // Has `waiter` answered when the job has ended, or after `timeout`, which may be infinite.
  // UNAVAILABLE while the watcher does not run, RESOURCE_EXHAUSTED beyond max_waits; it is not
  // answered then. Shared, since an answer may be on its way when it is forgotten.
  absl::Status Watch(JobId job, absl::Duration timeout, std::shared_ptr<JobWaiter> waiter);

  // For one who waits no longer; without effect if it was answered or never waited.
  void Forget(JobId job, const JobWaiter& waiter);

 private:
  struct Wait {
    std::shared_ptr<JobWaiter> waiter;
    // Monotonic.
    absl::Duration until;
  };
  // What the thread does when it wakes.
  struct Round {
    // Nobody waited before.
    bool first = false;
    // Jobs that may have ended.
    std::vector<JobId> asked;
    // Jobs whose state is to be told in any case: the time of a wait has passed.
    std::vector<JobId> overdue;
    bool emitted = false;
  };
  using Jobs = absl::flat_hash_map<JobId, std::vector<Wait>>;

  void OnEmit();
  void Work();
  // Nothing when the watcher stops.
  std::optional<Round> Await();
  std::vector<JobId> OverdueLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Status Look(Round& round);
  // Jobs that are waited for and whose ends were emitted since the last call.
  std::vector<JobId> ReadEvents();
  absl::Status Tell(const std::vector<JobId>& jobs);
  // To all who wait for the job, or only to those whose time has passed.
  void Answer(JobId job, const absl::StatusOr<WatchedJob>& answer, bool to_all);
  std::vector<Wait> TakeLocked(JobId job, bool all) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteResult(const absl::Status& looked, const Round& round);

  // Constant after construction.
  JobWatchStore& store_;
  EventEmitter& emitter_;
  Clock& clock_;
  const Options options_;

  // Touched by Start, which is called once, and Join.
  std::thread thread_;
  std::optional<EventEmitter::ListenerId> listener_id_;

  // The thread's. Events up to this one were read, or are older than every wait.
  uint64_t seen_sequence_ = 0;
  // When all jobs are looked for again, and how long after that.
  absl::Duration next_look_;
  absl::Duration pause_;

  Mutex mutex_;
  CondVar changed_;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Jobs jobs_ ABSL_GUARDED_BY(mutex_);
  // When waits end: an entry for each but those without end.
  std::multiset<std::pair<absl::Duration, JobId>> ends_ ABSL_GUARDED_BY(mutex_);
  size_t waits_ ABSL_GUARDED_BY(mutex_) = 0;
  // Jobs that nobody has looked for yet.
  std::vector<JobId> new_jobs_ ABSL_GUARDED_BY(mutex_);
  bool emitted_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace
