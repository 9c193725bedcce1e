#pragma once

#include <functional>
#include <thread>

#include "server/base/lifecycle.h"
#include "server/base/mutex.h"
#include "server/store/postgres/postgres_database.h"

namespace millrace {

// Listens for what adders, those who cancel jobs and other servers notify, on a connection of its
// own, and calls back. It calls back, too, after each reconnect, since what was notified meanwhile
// is lost. Where LISTEN is not possible (behind a transaction pooler) nothing comes, and the pool's
// polling alone finds the jobs. Its thread is "db-listener". Owned by the service graph.
// Thread-safe.
class PostgresWakeupListener final : public Lifecycle {
 public:
  // Called in the listener's thread; must not block.
  struct Callbacks {
    std::function<void()> on_added;
    std::function<void()> on_cancelled;
    std::function<void()> on_fleet = [] {};
  };

  PostgresWakeupListener(PostgresDatabase& database, Callbacks callbacks);
  ~PostgresWakeupListener() override;

  // INTERNAL if the system gives no event descriptor.
  absl::Status Start() override;
  void RequestStop() override;
  void Join() override;

 private:
  void Run();
  // Until the stop is requested; UNAVAILABLE when the connection breaks.
  absl::Status Listen(PostgresConnection& connection);
  absl::Status TakeNotifications(PostgresConnection& connection);
  // Waits; false if the stop was requested.
  bool Pause(absl::Duration pause);

  PostgresDatabase& database_;
  const Callbacks callbacks_;

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Of the last connection, for the thread alone.
  absl::Duration listening_since_ = absl::InfiniteDuration();
  int stop_event_ = -1;  // an eventfd; set by Start, before the thread runs
  std::thread thread_;
};

}  // namespace millrace
