#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/base/mutex.h"
#include "server/store/job_store.h"
#include "server/store/postgres/postgres_database.h"

namespace millrace {

// Adding and looking at jobs on PostgreSQL: see jobs.sql and list.sql in server/store/sql/queries.
// Owned by the service graph; borrows the database. Thread-safe.
class PostgresJobStore final : public JobStore {
 public:
  PostgresJobStore(PostgresDatabase& database, MetricsRegistry& metrics);

  using JobStore::AddJobs;
  using JobStore::EndJobs;
  using JobStore::GetJob;
  using JobStore::ListAttempts;
  using JobStore::ListJobs;
  using JobStore::ResetOverdueJobs;
  absl::StatusOr<std::vector<AddedJob>> AddJobs(const std::vector<JobSpec>& specs,
                                                const RequestKey& request,
                                                const CallLimit& call) override;
  absl::StatusOr<JobDetails> GetJob(JobId id, const CallLimit& call) override;
  absl::StatusOr<std::vector<Attempt>> ListAttempts(JobId id, int limit,
                                                    const CallLimit& call) override;
  absl::StatusOr<JobPage> ListJobs(const JobFilter& filter, std::optional<JobId> before, int limit,
                                   const CallLimit& call) override;
  absl::StatusOr<std::vector<EndResult>> EndJobs(const std::vector<JobId>& ids, JobEnding ending,
                                                 const std::string& reason,
                                                 const RequestKey& request,
                                                 const CallLimit& call) override;
  absl::StatusOr<int> ResetOverdueJobs(absl::Duration lock_timeout, const RequestKey& request,
                                       const CallLimit& call) override;
  absl::Status Ping() override;

  // For transactions of others, in this order. Makes sure that the lanes (which are known then) and
  // the serial queues exist, each in a transaction of its own: whoever uses one that is not
  // committed waits. UNAVAILABLE if that would be us, behind the open transaction of an
  // application.
  absl::Status MakeNames(const std::vector<JobSpec>& specs, const CallLimit& call);
  // Adds the jobs; false, with some of them left out, if a name was not there.
  bool AddWithin(PostgresConnection& connection, pqxx::transaction_base& transaction,
                 const std::vector<JobSpec>& specs, std::vector<AddedJob>& added) const;
  // Once that has committed: how many of them are new.
  void CountAdded(size_t created) { jobs_added_.Increment(static_cast<double>(created)); }

 private:
  using LaneKey = std::pair<std::string, std::vector<std::string>>;

  struct Additions {
    std::vector<AddedJob> jobs;
    // They were added by the same request before.
    bool repeated = false;
  };

  // Both leave `additions` short, with nothing written, if a name was not there.
  absl::Status AddAlone(const std::vector<JobSpec>& specs, const RequestKey& request,
                        const CallLimit& call, Additions& additions);
  absl::Status AddMany(const std::vector<JobSpec>& specs, const RequestKey& request,
                       const CallLimit& call, Additions& additions);
  // Makes a change that is told in a text, once if the request has an id.
  absl::StatusOr<std::string> Change(
      const std::string& operation, const RequestKey& request, const CallLimit& call,
      const std::function<std::string(PostgresConnection&, pqxx::transaction_base&)>& change);
  // Parts of MakeNames.
  absl::Status MakeLane(const JobSpec& spec, const CallLimit& call);
  absl::Status MakeQueues(const std::vector<std::string>& names, const CallLimit& call);
  // 0 for one that is not known.
  int FindLane(const JobSpec& spec) const;
  // Adds specs[from, to), which one chunk can hold.
  void AddChunk(PostgresConnection& connection, pqxx::transaction_base& transaction,
                const std::vector<JobSpec>& specs, size_t from, size_t to,
                std::vector<AddedJob>& added) const;

  PostgresDatabase& database_;
  Counter& jobs_added_;

  mutable Mutex mutex_;
  std::map<LaneKey, int> lanes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
