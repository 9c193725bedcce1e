#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/base/mutex.h"
#include "server/store/pool_store.h"
#include "server/store/postgres/postgres_database.h"

namespace millrace {

// What a worker pool asks, on PostgreSQL: see server/store/sql/queries/claim.sql and pool.sql.
// Owned by the service graph; borrows the database. Thread-safe.
class PostgresPoolStore final : public PoolStore {
 public:
  explicit PostgresPoolStore(PostgresDatabase& database) : database_(database) {}

  absl::StatusOr<WorkerNumber> RegisterWorker(const WorkerRegistration& registration) override;
  absl::Status Heartbeat(WorkerNumber worker) override;
  absl::Status EndWorker(WorkerNumber worker) override;
  absl::StatusOr<std::vector<ClaimedJob>> Claim(const ClaimRequest& request) override;
  absl::StatusOr<std::optional<absl::Duration>> PromoteDue() override;
  absl::Status AnnounceIdle(WorkerNumber worker, bool idle) override;
  absl::StatusOr<std::vector<bool>> RecordLastAttemptStarts(
      const std::vector<Hold>& holds) override;
  absl::StatusOr<RecordResult> Record(WorkerNumber worker,
                                      const std::vector<AttemptReport>& reports) override;
  absl::StatusOr<std::vector<RecordVerdict>> GiveBack(WorkerNumber worker,
                                                      const std::vector<Hold>& holds) override;
  absl::StatusOr<std::vector<WorkerLease>> ListLeases() override;
  absl::StatusOr<std::vector<RescuedJob>> Rescue(WorkerNumber worker) override;

 private:
  // What a lane stands for. Never changed in the database.
  struct Lane {
    std::string task_identifier;
    std::vector<std::string> flags;
  };
  class ClaimDecoder;

  int RowsToLock(int max_jobs) const;
  // Fills in what is not known yet of the lanes and queues of a result of ClaimJobs.
  void LearnNames(PostgresConnection& connection, pqxx::transaction_base& transaction,
                  const pqxx::result& rows);
  std::shared_ptr<const Lane> FindLane(int lane) const;
  std::string FindQueue(int queue) const;

  PostgresDatabase& database_;
  // How many jobs a row of ready stood for in the last claim.
  std::atomic<double> jobs_per_row_ = 1.0;

  mutable Mutex mutex_;
  std::map<int, std::shared_ptr<const Lane>> lanes_ ABSL_GUARDED_BY(mutex_);
  std::map<int, std::string> queues_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
