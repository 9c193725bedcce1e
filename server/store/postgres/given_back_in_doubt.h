#pragma once

#include <map>
#include <pqxx/pqxx>
#include <string>
#include <utility>
#include <vector>

#include "server/base/mutex.h"
#include "server/store/pool_store.h"
#include "server/store/postgres/postgres_connection.h"

namespace millrace {

// Jobs that were given back by transactions whose commit is in doubt, since its answer was lost. A
// job that was given back leaves nothing by which that could be seen later; so the next call for it
// asks for the fate of the transaction. Owned by the store. Thread-safe.
class GivenBackInDoubt {
 public:
  // That of these holds which the transaction has accepted, as `result` says, is in doubt.
  void Keep(const std::string& transaction_id, const std::vector<Hold>& holds,
            const RecordResult& result);
  // Makes accepted in `result` what was found stale since an earlier transaction has given it back.
  // To be called behind the statement that had to wait for the locks of such a transaction, so that
  // it has ended.
  void Resolve(PostgresConnection& connection, pqxx::transaction_base& transaction,
               const std::vector<Hold>& holds, RecordResult& result);
  // They were answered.
  void Forget(const std::vector<Hold>& holds);

 private:
  using HoldKey = std::pair<ClaimId, JobId>;

  static HoldKey KeyOf(const Hold& hold) { return {hold.claim_id, hold.job_id}; }
  std::vector<std::string> TransactionsOf(const Hold& hold);

  Mutex mutex_;
  // The transactions by which a hold may have been given back.
  std::map<HoldKey, std::vector<std::string>> transactions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
