#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace millrace {

enum class PoolState {
  kStopped,
  kRunning,
  // It counts as running until the stop has ended.
  kStopping,
  // Its server has not been heard of for too long.
  kLost,
  // It runs, and its server is too old to say more.
  kUnknown,
};

// What a server says of its pool, every few seconds. A plain value.
struct PoolReport {
  std::string worker_id;
  std::string pool_name;
  std::string host;
  int pid = 0;
  std::string version;
  // A server that is silent for longer counts as lost.
  absl::Duration patience;
  PoolState state = PoolState::kStopped;
  int concurrency = 0;
  int active = 0;
  int buffered = 0;
};

// A pool as others see it; what time has passed is by the database's clock. A plain value.
struct ListedPool {
  // patience is not set; concurrency, active and buffered are as of the last report.
  PoolReport report;
  // Of the server, or for one that is too old to report, of its pool.
  absl::Time started_at;
  // Since the last report; nothing for a server that is too old.
  std::optional<absl::Duration> seen_ago;

  // The last lease of the pool; nothing if it has not run.
  struct Lease {
    absl::Duration ttl;
    // Nothing for a server that is too old to say.
    std::optional<absl::Duration> renewed_ago;
    bool ended = false;
  };
  std::optional<Lease> lease;
};

// What a server asks of others. A plain value.
struct FleetQuestion {
  std::string asked_by;
  std::string method;
  // Any bytes.
  std::string payload;
  // It is taken within this time or never.
  absl::Duration take_within;
  // What nobody has removed is kept for so long.
  absl::Duration keep_for;
};

// What was asked. A plain value.
struct FleetAsked {
  // The number of each request, with the worker id of whom it is for.
  std::map<int64_t, std::string> requests;
  // The database did not say whether it has them: it may, or may a moment later.
  bool in_doubt = false;
};

// A request that this server has taken. A plain value.
struct FleetRequest {
  int64_t id = 0;
  std::string asked_by;
  std::string method;
  std::string payload;
};

// How a request stands. A plain value.
struct FleetAnswer {
  int64_t id = 0;
  bool taken = false;
  // The server that was asked has not been heard of for too long, or has ended.
  bool lost = false;
  // Nothing while there is none; an error says what the other server said.
  std::optional<absl::StatusOr<std::string>> reply;
};

// What servers ask of the database to find each other, and to ask something of each other. Errors
// of every call as in PoolStore. Thread-safe.
class FleetStore {
 public:
  virtual ~FleetStore() = default;

  virtual absl::Status Report(const PoolReport& report) = 0;
  // The server ends: it is listed no more.
  virtual absl::Status Leave(const std::string& worker_id) = 0;
  // In the order of their names.
  virtual absl::StatusOr<std::vector<ListedPool>> ListPools() = 0;

  // Asks the same of these servers, and notifies all. After an error nothing was asked, and nothing
  // will be.
  virtual absl::StatusOr<FleetAsked> Ask(const std::vector<std::string>& worker_ids,
                                         const FleetQuestion& question) = 0;
  // Takes what is asked of this server and is not answered, but for what it has `in_hand`. After an
  // error some may be taken that nobody knows of: the next call returns them.
  virtual absl::StatusOr<std::vector<FleetRequest>> TakeRequests(
      const std::string& worker_id, const std::vector<int64_t>& in_hand) = 0;
  // Does nothing if the request is gone. May be repeated.
  virtual absl::Status Answer(int64_t id, const absl::StatusOr<std::string>& reply) = 0;
  // Those that are gone are left out.
  virtual absl::StatusOr<std::vector<FleetAnswer>> ReadAnswers(const std::vector<int64_t>& ids) = 0;
  // Removes requests, so that they are not taken any more; returns those that there were, each with
  // whether it had been taken.
  virtual absl::StatusOr<std::map<int64_t, bool>> Withdraw(const std::vector<int64_t>& ids) = 0;

  // Removes what lost servers have left behind, some minutes after they were lost.
  virtual absl::Status RemoveLeftovers() = 0;
};

}  // namespace millrace
