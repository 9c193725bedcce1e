#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/model/attempt.h"
#include "server/model/job_spec.h"
#include "server/model/sql_rows.h"
#include "server/store/pool_store.h"

namespace millrace {

// What became of a transaction that was to complete its job.
struct Completion {
  enum class Ending {
    // Everything is committed: what the handler did, and the completion of the job.
    kRecorded,
    // The claim holds the job no more. Nothing is left of the transaction.
    kClaimLost,
    // Nothing is left of it, and the attempt is not on record; `error` says why.
    kRolledBack,
    // The connection was lost while it committed: PoolStore::FindCompletion tells.
    kUnknown,
  };
  Ending ending = Ending::kRolledBack;
  absl::Status error;
  // Of kRecorded.
  absl::Time recorded_at;
};

// One transaction in which a handler works. Holds no lock of its claim before Complete. Rolled back
// by the destructor unless it was completed. Waits of its calls end, with CANCELLED, when the stop
// token fires that it was begun with. Used from one thread: the handler's.
class HandlerTransaction {
 public:
  virtual ~HandlerTransaction() = default;

  // Runs one statement. Errors as of PostgreSQL's: ALREADY_EXISTS for a unique violation,
  // INVALID_ARGUMENT for other constraints and bad values, ABORTED for deadlocks and serialization
  // failures, UNAVAILABLE if the database has gone or a table is missing, PERMISSION_DENIED,
  // INTERNAL for the rest. After an error nothing more can be done in it, but rolling back to a
  // savepoint.
  virtual absl::StatusOr<SqlRows> Execute(const std::string& sql,
                                          const std::vector<SqlValue>& parameters) = 0;

  // Adds jobs that JobAdmission has accepted: they exist if and only if it commits. Errors as of
  // JobStore.
  virtual absl::StatusOr<std::vector<AddedJob>> AddJobs(const std::vector<JobSpec>& specs) = 0;

  // Records the completion that `report` says, and commits. Once.
  virtual Completion Complete(WorkerNumber worker, const AttemptReport& report) = 0;
};

// What handlers ask of the database. Thread-safe.
class HandlerStore {
 public:
  virtual ~HandlerStore() = default;

  // Begins a transaction once a connection is free. CANCELLED when `stop` fires; UNAVAILABLE if the
  // database is away.
  virtual absl::StatusOr<std::unique_ptr<HandlerTransaction>> BeginTransaction(
      std::stop_token stop) = 0;
};

}  // namespace millrace
