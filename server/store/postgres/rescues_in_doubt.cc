#include "server/store/postgres/rescues_in_doubt.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "server/store/postgres/job_rows.h"
#include "server/store/postgres/postgres_text.h"
#include "server/store/postgres/transaction_fate.h"

namespace millrace {

void RescueInDoubt::Run(PostgresConnection& connection, pqxx::transaction_base& transaction,
                        WorkerNumber worker) {
  jobs.clear();
  connection.Execute(transaction, "LimitLockWaits");
  ArrayText ids;
  const pqxx::result freed = connection.Execute(transaction, "Rescue", worker);
  if (freed.empty()) return;
  for (const auto& row : freed) ids.AddInteger(row[0].as<JobId>());
  for (const auto& row : connection.Execute(transaction, "DescribeJobs", ids.Take())) {
    JobDetails details = ReadJobDetails(row);
    jobs.push_back({std::move(details.job), details.state, std::move(details.last_error)});
  }
  ReadCounted(connection, transaction);
  transaction_id_ = ReadTransactionId(connection, transaction);
}

void RescueInDoubt::ReadCounted(PostgresConnection& connection,
                                pqxx::transaction_base& transaction) {
  ArrayText ids;
  std::map<JobId, RescuedJob*> exhausted;
  for (RescuedJob& rescued : jobs) {
    if (rescued.state != JobState::kExhausted) continue;
    ids.AddInteger(rescued.job.id);
    exhausted[rescued.job.id] = &rescued;
  }
  if (exhausted.empty()) return;
  for (const auto& row : connection.Execute(transaction, "LastAttempts", ids.Take()))
    exhausted.at(row["job_id"].as<JobId>())->counted = row["attempt"].as<int>() > 0;
}

void RescueInDoubt::Resolve(PostgresConnection& connection, pqxx::transaction_base& transaction) {
  committed_ = HasCommitted(connection, transaction, transaction_id_);
}

void RescueInDoubt::AddCommittedTo(std::vector<RescuedJob>& all) {
  if (!committed_) return;
  for (RescuedJob& rescued : jobs) {
    const bool known = std::any_of(all.begin(), all.end(), [&](const RescuedJob& other) {
      return other.job.id == rescued.job.id;
    });
    if (!known) all.push_back(std::move(rescued));
  }
}

std::vector<RescueInDoubt> RescuesInDoubt::Take(WorkerNumber worker) {
  MutexLock lock(mutex_);
  const auto found = rescues_.find(worker);
  if (found == rescues_.end()) return {};
  std::vector<RescueInDoubt> taken = std::move(found->second);
  rescues_.erase(found);
  return taken;
}

void RescuesInDoubt::Keep(WorkerNumber worker, std::vector<RescueInDoubt> rescues) {
  if (rescues.empty()) return;
  MutexLock lock(mutex_);
  std::vector<RescueInDoubt>& kept = rescues_[worker];
  std::move(rescues.begin(), rescues.end(), std::back_inserter(kept));
}

}  // namespace millrace
