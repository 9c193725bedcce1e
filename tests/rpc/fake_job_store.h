#pragma once

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/base/mutex.h"
#include "server/store/job_store.h"
#include "server/store/job_watch_store.h"

namespace millrace {

// Jobs in memory, with the part of the store's rules that callers of the service see: ids rise, a
// key has one job. Calls fail as they are told to. Thread-safe.
class FakeJobStore final : public JobStore, public JobWatchStore {
 public:
  using JobStore::AddJobs;
  using JobStore::EndJobs;
  using JobStore::GetJob;
  using JobStore::ListAttempts;
  using JobStore::ListJobs;
  using JobStore::ResetOverdueJobs;
  // Made once for each request id, as the other changes are not.
  absl::StatusOr<std::vector<AddedJob>> AddJobs(const std::vector<JobSpec>& specs,
                                                const RequestKey& request,
                                                const CallLimit& call) override;
  absl::StatusOr<JobDetails> GetJob(JobId id, const CallLimit& call) override;
  absl::StatusOr<std::vector<Attempt>> ListAttempts(JobId id, int limit,
                                                    const CallLimit& call) override;
  absl::StatusOr<JobPage> ListJobs(const JobFilter& filter, std::optional<JobId> before, int limit,
                                   const CallLimit& call) override;
  // Jobs that are held keep their state, with the reason.
  absl::StatusOr<std::vector<EndResult>> EndJobs(const std::vector<JobId>& ids, JobEnding ending,
                                                 const std::string& reason,
                                                 const RequestKey& request,
                                                 const CallLimit& call) override;
  // Remembers the timeout, and says that 3 were freed.
  absl::StatusOr<int> ResetOverdueJobs(absl::Duration lock_timeout, const RequestKey& request,
                                       const CallLimit& call) override;
  // Both fail as calls that read do.
  absl::StatusOr<std::vector<JobId>> FindEnded(const std::vector<JobId>& ids,
                                               const CallLimit& call) override;
  absl::StatusOr<std::vector<WatchedJob>> Look(const std::vector<JobId>& ids,
                                               const CallLimit& call) override;
  absl::Status Ping() override { return absl::OkStatus(); }

  // What all calls that add, or all that read, return from now on, if it is an error.
  void FailAdds(absl::Status status);
  void FailReads(absl::Status status);
  // Calls that add wait, from now on, until ReleaseAdds or the end of their limit.
  void HoldAdds();
  void ReleaseAdds();
  void AwaitHeldAdds(int count);
  void AwaitNoHeldAdds();

  // The jobs of each FindEnded so far, in rising order.
  std::vector<std::vector<JobId>> looks() const;
  // Waits until there were so many.
  void AwaitLooks(size_t count);
  void SetSuccessor(JobId id, JobId successor);

  void Put(JobDetails details, std::vector<Attempt> attempts = {});
  std::vector<JobSpec> added() const;
  // That of the last change.
  RequestKey last_request() const;
  size_t size() const;
  absl::Duration last_lock_timeout() const;
  // How long the caller of the last call would still have waited.
  absl::Duration last_time_left() const;
  // From now on ListJobs looks at so many jobs and no more, whether they match or not.
  void LookAtMostAt(int jobs);
  // The most jobs that one ListJobs has asked for.
  int largest_limit() const;

 private:
  struct Row {
    JobDetails details;
    std::vector<Attempt> attempts;
    JobId successor = 0;
  };
  static bool Matches(const JobFilter& filter, const JobDetails& details);
  static EndResult EndOne(JobDetails& details, JobEnding ending, const std::string& reason);
  AddedJob AddLocked(const JobSpec& spec) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  CondVar changed_;
  bool holding_ ABSL_GUARDED_BY(mutex_) = false;
  int held_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration last_lock_timeout_ ABSL_GUARDED_BY(mutex_);
  absl::Duration last_time_left_ ABSL_GUARDED_BY(mutex_);
  int largest_limit_ ABSL_GUARDED_BY(mutex_) = 0;
  int most_looked_at_ ABSL_GUARDED_BY(mutex_) = std::numeric_limits<int>::max();
  RequestKey last_request_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<AddedJob>> added_once_ ABSL_GUARDED_BY(mutex_);
  absl::Status add_status_ ABSL_GUARDED_BY(mutex_);
  absl::Status read_status_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::vector<JobId>> looks_ ABSL_GUARDED_BY(mutex_);
  JobId last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<JobId, Row> rows_ ABSL_GUARDED_BY(mutex_);
  std::vector<JobSpec> added_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
