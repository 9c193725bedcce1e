#include "server/store/postgres/given_back_in_doubt.h"

#include <algorithm>

#include "server/store/postgres/transaction_fate.h"

namespace millrace {

void GivenBackInDoubt::Keep(const std::string& transaction_id, const std::vector<Hold>& holds,
                            const RecordResult& result) {
  MutexLock lock(mutex_);
  for (size_t i = 0; i < holds.size(); ++i) {
    if (result.verdicts[i] == RecordVerdict::kAccepted)
      transactions_[KeyOf(holds[i])].push_back(transaction_id);
  }
}

void GivenBackInDoubt::Resolve(PostgresConnection& connection, pqxx::transaction_base& transaction,
                               const std::vector<Hold>& holds, RecordResult& result) {
  std::map<std::string, bool> committed;
  const auto has_committed = [&](const std::string& id) {
    const auto [known, is_new] = committed.try_emplace(id, false);
    if (is_new) known->second = HasCommitted(connection, transaction, id);
    return known->second;
  };
  for (size_t i = 0; i < holds.size(); ++i) {
    if (result.verdicts[i] != RecordVerdict::kStale) continue;
    const std::vector<std::string> ids = TransactionsOf(holds[i]);
    if (std::any_of(ids.begin(), ids.end(), has_committed))
      result.verdicts[i] = RecordVerdict::kAccepted;
  }
}

void GivenBackInDoubt::Forget(const std::vector<Hold>& holds) {
  MutexLock lock(mutex_);
  if (transactions_.empty()) return;
  for (const Hold& hold : holds) transactions_.erase(KeyOf(hold));
}

std::vector<std::string> GivenBackInDoubt::TransactionsOf(const Hold& hold) {
  MutexLock lock(mutex_);
  const auto found = transactions_.find(KeyOf(hold));
  return found == transactions_.end() ? std::vector<std::string>() : found->second;
}

}  // namespace millrace
