#include "server/store/postgres/claim_names.h"

#include <set>

#include "server/store/postgres/postgres_text.h"

namespace millrace {

void ClaimNames::Learn(PostgresConnection& connection, pqxx::transaction_base& transaction,
                       const std::vector<int>& lanes, const std::vector<int>& queues) {
  std::set<int64_t> new_lanes, new_queues;
  {
    MutexLock lock(mutex_);
    for (const int lane : lanes) {
      if (!lanes_.contains(lane)) new_lanes.insert(lane);
    }
    for (const int queue : queues) {
      if (!queues_.contains(queue)) new_queues.insert(queue);
    }
  }
  if (!new_lanes.empty()) {
    const pqxx::result found = connection.Execute(
        transaction, "ReadLanes", IntegerArray({new_lanes.begin(), new_lanes.end()}));
    MutexLock lock(mutex_);
    for (const auto& row : found) {
      lanes_[row[0].as<int>()] =
          std::make_shared<const Lane>(Lane{row[1].c_str(), StringsFromJson(row[2].c_str())});
    }
  }
  if (!new_queues.empty()) {
    const pqxx::result found = connection.Execute(
        transaction, "ReadQueueNames", IntegerArray({new_queues.begin(), new_queues.end()}));
    MutexLock lock(mutex_);
    for (const auto& row : found) queues_[row[0].as<int>()] = row[1].c_str();
  }
}

std::shared_ptr<const ClaimNames::Lane> ClaimNames::FindLane(int lane) const {
  MutexLock lock(mutex_);
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? nullptr : found->second;
}

std::string ClaimNames::FindQueue(int queue) const {
  MutexLock lock(mutex_);
  const auto found = queues_.find(queue);
  return found == queues_.end() ? "" : found->second;
}

}  // namespace millrace
