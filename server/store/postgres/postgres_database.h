#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/metrics/metrics.h"
#include "server/store/call_limit.h"
#include "server/store/postgres/call_watchdog.h"
#include "server/store/postgres/postgres_connection.h"
#include "server/store/postgres/sql_statements.h"

namespace millrace {

// The way to one schema of one database: a pool of connections that are opened when they are needed
// and thrown away when they break. Creating it does no I/O. Owned by the service graph; outlives
// the stores. Thread-safe.
class PostgresDatabase {
 public:
  struct Options {
    // A connection string or URI as libpq takes it. May hold a password: never log it.
    std::string database_url;
    std::string schema = "millrace";
    // At least 1. Calls beyond wait for a connection, at most call_limit.
    int max_connections = 16;
    // What one call may take before its connection is cut.
    absl::Duration call_limit = absl::Seconds(30);
  };

  // INVALID_ARGUMENT for a bad schema name or number.
  static absl::StatusOr<std::unique_ptr<PostgresDatabase>> Create(Options options,
                                                                  MetricsRegistry& metrics,
                                                                  Clock& clock);

  // Runs `body` with a connection; it may start transactions there. Errors as
  // PostgresConnection::Run. What is ABORTED is run again, up to ten times with rising pauses; so
  // `body` must have no effect outside of its transaction. PERMISSION_DENIED also says what would
  // help. `operation` names it in metrics and messages.
  absl::Status Run(const std::string& operation,
                   const std::function<void(PostgresConnection&)>& body) {
    return Run(operation, CallLimit(), body);
  }
  // The same, for somebody who does not wait for ever. DEADLINE_EXCEEDED or CANCELLED, with nothing
  // sent to the database, if the limit is over before it has a connection; DEADLINE_EXCEEDED, also,
  // if it passes later: the database ends the statement then. Connecting is not broken off for it.
  absl::Status Run(const std::string& operation, const CallLimit& call,
                   const std::function<void(PostgresConnection&)>& body) {
    return RunWithin(options_.call_limit, operation, call, body);
  }
  // The same where each try may take `longest` instead of call_limit.
  absl::Status RunWithin(absl::Duration longest, const std::string& operation,
                         const CallLimit& call,
                         const std::function<void(PostgresConnection&)>& body);

  // For the stop: no call lasts longer than this from now on; later ones fail at once with
  // UNAVAILABLE, and connect no more. What is connecting just now is not broken off, but has its
  // own limit.
  void CloseIn(absl::Duration grace) { watchdog_.EndCallsIn(grace); }
  // Whether CloseIn had to cut a call: the database did not answer.
  bool did_not_answer() const { return watchdog_.has_cut_at_end(); }

  using ConnectionPtr = std::unique_ptr<PostgresConnection>;
  // One of the pool, for whoever needs it for longer than a call, and then hands it back by either
  // of the two below. Errors as Run: UNAVAILABLE, also if none is free after `longest`.
  absl::StatusOr<ConnectionPtr> Borrow(const CallLimit& call, absl::Duration longest);
  void Return(ConnectionPtr connection);
  // It is closed, so that another one can be opened.
  void ThrowAway(ConnectionPtr connection);

  // A connection of its own, outside of the pool, for listening.
  absl::StatusOr<std::unique_ptr<PostgresConnection>> OpenConnection();

  const SqlStatements& statements() const { return statements_; }
  const Options& options() const { return options_; }

 private:
  PostgresDatabase(Options options, SqlStatements statements, MetricsRegistry& metrics,
                   Clock& clock);
  // One that is idle, or null for the permission to open one; nothing if there is neither in time.
  std::optional<ConnectionPtr> AwaitFree(absl::Duration timeout);
  absl::Status RunOnce(absl::Duration longest, const CallLimit& call,
                       const std::function<void(PostgresConnection&)>& body);

  // Constant after construction.
  const Options options_;
  const SqlStatements statements_;
  MetricsRegistry& metrics_;
  Clock& clock_;
  CallWatchdog watchdog_;

  Mutex mutex_;
  CondVar returned_;
  // The last one that was returned is used first: it is warm.
  std::vector<std::unique_ptr<PostgresConnection>> idle_ ABSL_GUARDED_BY(mutex_);
  int open_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace
