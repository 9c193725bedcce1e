#pragma once

#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/lifecycle.h"
#include "server/base/logging.h"
#include "server/base/mutex.h"
#include "server/pool/pool_stats.h"

namespace millrace {

// Whether the server does what it was told (contract E6): its database answers and, if its pool
// runs, its claims are answered. A pool that was stopped on purpose leaves the server ready.
//
// A thread, "readiness", asks the database, and tells a listener what has changed. Whoever asks
// for the fault while the database keeps an answer back learns that, too: an answer counts for a
// while only. While the server is not ready the thread looks at the pool more often than it asks
// the database. Owned by the service graph; what it is given outlives it. Thread-safe.
class Readiness final : public Lifecycle {
 public:
  struct Options {
    // How often the database is asked.
    absl::Duration interval = absl::Seconds(1);
    // How often a server that is not ready looks at its pool.
    absl::Duration unready_interval = absl::Milliseconds(50);
    // An answer of the database counts for so long.
    absl::Duration database_patience = absl::Seconds(10);
    // A round of claims counts for so long: more than the pool's poll interval.
    absl::Duration claim_patience = absl::Seconds(12);
  };
  struct Sources {
    // Asks the database; may block, but not for ever.
    std::function<absl::Status()> ping;
    std::function<PoolStats()> pool_stats;
    // Called from the thread and from SetStopping, never twice at a time, when one of the two has
    // changed and at the start. Must not block.
    std::function<void(bool ready, bool pool_serves)> on_change;
  };

  Readiness(Sources sources, Clock& clock, Options options);
  ~Readiness() override;

  // The first look happens before it returns.
  absl::Status Start() override;
  void RequestStop() override;
  void Join() override;

  // From now on the server is not ready, whatever else is true.
  void SetStopping();

  // What keeps the server from being ready; nothing if it is.
  std::optional<std::string> Fault() const;

 private:
  void Run();
  // Asks the database if it is time to, and publishes.
  void Look();
  // Works out both values and tells the listener of a change.
  void Publish();
  // A server that starts or stops is expected to be unready.
  spdlog::level::level_enum LevelOfUnready() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(publish_mutex_);
  std::optional<std::string> DatabaseFault() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<std::string> PoolFault(const PoolStats& stats) const;

  // Constant after construction.
  const Sources sources_;
  Clock& clock_;
  const Options options_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool stop_requested_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration next_ping_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
  // Of the last answer, and when it came; nothing before the first.
  absl::Status last_ping_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Duration> last_ping_at_ ABSL_GUARDED_BY(mutex_);

  // Held while the listener is told.
  Mutex publish_mutex_;
  std::optional<bool> told_ready_ ABSL_GUARDED_BY(publish_mutex_);
  std::optional<bool> told_serves_ ABSL_GUARDED_BY(publish_mutex_);

  std::thread thread_;
};

}  // namespace millrace
