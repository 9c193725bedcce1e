#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace millrace::client {

// A pool that was started. A plain value.
struct StartedPool {
  std::string worker_id;
  // Worker threads.
  int concurrency = 0;
};

// What became of a pool's jobs when it stopped. A plain value.
struct StopReport {
  // Attempts that ended by themselves while it stopped.
  int finished = 0;
  // Buffered jobs that were given back.
  int given_back = 0;
  // Handlers that ended because they were asked to.
  int interrupted = 0;
  // Handlers that still run.
  int still_running = 0;
};

// A consistent snapshot of a pool. A plain value.
struct PoolStats {
  std::string worker_id;
  std::string pool_name;
  bool running = false;
  // A stop has begun and not ended; the pool still counts as running.
  bool stopping = false;
  int concurrency = 0;
  // Workers that execute a task at this moment.
  int active = 0;
  // Jobs in the local queue.
  int buffered = 0;
  int64_t completed = 0;
  int64_t failed = 0;
  // Infrastructure errors outside of handlers.
  int64_t errors = 0;
  int64_t claimed = 0;
  int64_t given_back = 0;
  // Of those, the ones that waited too long.
  int64_t stale_returned = 0;
  int64_t interrupted = 0;
  // Handlers that ignored the request to stop and still run.
  int stuck = 0;
  // When it was last started; nothing if never.
  std::optional<absl::Time> running_since;
  // It takes only jobs of these tasks (empty: of all that it has), and none with these flags.
  std::vector<std::string> task_identifiers;
  std::vector<std::string> forbidden_flags;
};

// What to change of a pool; what is not set stays. A plain value.
struct PoolChange {
  std::optional<int> concurrency;
  // Empty means every task that the server has.
  std::optional<std::vector<std::string>> task_identifiers;
  std::optional<std::vector<std::string>> forbidden_flags;
  // Also for servers of this pool that start later.
  bool save = false;
  // Forgets all that was saved of this pool.
  bool clear_saved = false;
};

// What holds after a change. A plain value.
struct ChangedPool {
  std::string worker_id;
  int concurrency = 0;
  std::vector<std::string> task_identifiers;
  std::vector<std::string> forbidden_flags;
};

// What one pool said where all were asked. A plain value.
template <typename Answer>
struct PoolReply {
  std::string worker_id;
  std::string pool_name;
  // Or why there is none.
  absl::StatusOr<Answer> answer;
};

enum class PoolState { kStopped, kRunning, kStopping, kLost, kUnknown };

// A pool as its server reported it last. A plain value.
struct ListedPool {
  std::string worker_id;
  std::string pool_name;
  std::string host;
  int pid = 0;
  std::string version;
  // When its server began.
  absl::Time started_at;
  PoolState state = PoolState::kUnknown;
  int concurrency = 0;
  int active = 0;
  int buffered = 0;
  // Since the last report; nothing if the server is too old to report.
  std::optional<absl::Duration> seen_ago;
  // Of its lease; nothing while it has none, or its server is too old to say.
  std::optional<absl::Duration> lease_ttl;
  std::optional<absl::Duration> lease_renewed_ago;
  std::optional<absl::Duration> lease_expires_in;
};

}  // namespace millrace::client
