#pragma once

#include <map>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "server/base/mutex.h"
#include "server/store/pool_store.h"
#include "server/store/postgres/postgres_connection.h"

namespace millrace {

// A rescue, whose commit may turn out to be in doubt: it may or may not have happened where its
// answer was lost. Used from one thread.
class RescueInDoubt {
 public:
  // In its own transaction: frees what the worker holds, ends its lease, and notes by what to ask
  // for the fate of the transaction.
  void Run(PostgresConnection& connection, pqxx::transaction_base& transaction,
           WorkerNumber worker);
  // In a later transaction, before which it has ended: asks whether it committed.
  void Resolve(PostgresConnection& connection, pqxx::transaction_base& transaction);
  // Adds its jobs, if it committed and they are not among these. REQUIRES: it was resolved.
  void AddCommittedTo(std::vector<RescuedJob>& all);

  // What it has freed, if it committed.
  std::vector<RescuedJob> jobs;

 private:
  // Fills in RescuedJob::counted.
  void ReadCounted(PostgresConnection& connection, pqxx::transaction_base& transaction);

  std::string transaction_id_;
  bool committed_ = false;
};

// The rescues in doubt of each worker, so that the next one of the same worker also tells of what
// they have freed, and no rescue goes unannounced. Owned by the store. Thread-safe.
class RescuesInDoubt {
 public:
  // They are the caller's from now on.
  std::vector<RescueInDoubt> Take(WorkerNumber worker);
  void Keep(WorkerNumber worker, std::vector<RescueInDoubt> rescues);

 private:
  Mutex mutex_;
  std::map<WorkerNumber, std::vector<RescueInDoubt>> rescues_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
