#pragma once

#include <map>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "server/base/mutex.h"
#include "server/store/postgres/postgres_connection.h"

namespace millrace {

// What the numbers of lanes and serial queues in claims stand for, which never changes in the
// database: each is read once. Owned by the store. Thread-safe.
class ClaimNames {
 public:
  struct Lane {
    std::string task_identifier;
    std::vector<std::string> flags;
  };

  // Reads those of these lanes and queues that are not known yet. Throws what pqxx throws.
  void Learn(PostgresConnection& connection, pqxx::transaction_base& transaction,
             const std::vector<int>& lanes, const std::vector<int>& queues);

  // Nothing, and "", for one that was not learned. Shared, so that it stays while it is used.
  std::shared_ptr<const Lane> FindLane(int lane) const;
  std::string FindQueue(int queue) const;

 private:
  mutable Mutex mutex_;
  std::map<int, std::shared_ptr<const Lane>> lanes_ ABSL_GUARDED_BY(mutex_);
  std::map<int, std::string> queues_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
