#pragma once

#include <atomic>
#include <optional>
#include <vector>

#include "server/store/pool_store.h"
#include "server/store/postgres/claim_names.h"
#include "server/store/postgres/given_back_in_doubt.h"
#include "server/store/postgres/postgres_database.h"
#include "server/store/postgres/rescues_in_doubt.h"

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
  absl::StatusOr<bool> TakeBackClaim(WorkerNumber worker, int64_t number) override;
  absl::StatusOr<std::optional<absl::Duration>> PromoteDue() override;
  absl::Status AnnounceIdle(WorkerNumber worker, bool idle) override;
  absl::StatusOr<std::vector<bool>> RecordLastAttemptStarts(
      const std::vector<Hold>& holds) override;
  absl::StatusOr<RecordResult> Record(WorkerNumber worker,
                                      const std::vector<AttemptReport>& reports) override;
  absl::StatusOr<std::optional<absl::Time>> FindCompletion(const Hold& hold) override;
  absl::StatusOr<RecordResult> GiveBack(WorkerNumber worker,
                                        const std::vector<Hold>& holds) override;
  absl::Status NoteKept(const std::vector<Hold>& holds) override;
  absl::StatusOr<std::vector<bool>> WriteProgress(
      const std::vector<ProgressReport>& reports) override;
  absl::StatusOr<std::vector<Hold>> ListCancelled(WorkerNumber worker) override;
  absl::StatusOr<std::vector<WorkerLease>> ListLeases() override;
  absl::StatusOr<std::vector<RescuedJob>> Rescue(WorkerNumber worker) override;

 private:
  // Completes reports[plain[i]] and settles reports[others[i]] in one transaction. ALREADY_EXISTS,
  // with nothing done, if one of the first was recorded before.
  absl::Status RecordTogether(WorkerNumber worker, const std::vector<AttemptReport>& reports,
                              const std::vector<size_t>& plain, const std::vector<size_t>& others,
                              RecordResult& result);
  // How many rows of ready hold so many jobs, judging by the last claim.
  int RowsToTake(int max_jobs) const;

  PostgresDatabase& database_;
  ClaimNames names_;
  RescuesInDoubt in_doubt_;
  GivenBackInDoubt given_back_in_doubt_;
  // How many jobs a row of ready stood for in the last claim.
  std::atomic<double> jobs_per_row_ = 1.0;
};

}  // namespace millrace
