#include "server/store/postgres/postgres_database.h"

#include <algorithm>
#include <utility>

#include "absl/random/random.h"
#include "absl/status/status.h"

namespace millrace {
namespace {

constexpr int kMaxTries = 10;

// Buckets from 0.1 ms to 10 s.
const std::vector<double> kSecondsBuckets = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                             0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                             1,      2.5,     5,      10};

}  // namespace

absl::StatusOr<std::unique_ptr<PostgresDatabase>> PostgresDatabase::Create(Options options,
                                                                           MetricsRegistry& metrics,
                                                                           Clock& clock) {
  absl::StatusOr<SqlStatements> statements = SqlStatements::Create(options.schema);
  if (!statements.ok()) return statements.status();
  if (options.max_connections < 1)
    return absl::InvalidArgumentError("max_connections: must be at least 1");
  return std::unique_ptr<PostgresDatabase>(
      new PostgresDatabase(std::move(options), *std::move(statements), metrics, clock));
}

PostgresDatabase::PostgresDatabase(Options options, SqlStatements statements,
                                   MetricsRegistry& metrics, Clock& clock)
    : options_(std::move(options)),
      statements_(std::move(statements)),
      metrics_(metrics),
      clock_(clock) {}

absl::Status PostgresDatabase::Run(const std::string& operation,
                                   const std::function<void(PostgresConnection&)>& body) {
  const absl::Duration started = clock_.Monotonic();
  absl::Status status = RunOnce(body);
  for (int tries = 1; absl::IsAborted(status) && tries < kMaxTries; ++tries) {
    absl::BitGen random;
    const absl::Duration pause =
        absl::Milliseconds(absl::Uniform<double>(random, 0.5, 1.0) * (1 << std::min(tries, 8)));
    {
      // Nobody notifies: a pause that cannot be long.
      MutexLock lock(mutex_);
      returned_.WaitWithTimeout(mutex_, pause);
    }
    status = RunOnce(body);
  }
  metrics_
      .GetHistogram("millrace_database_statement_seconds",
                    "Time of calls to the database, retries included.", {{"statement", operation}},
                    kSecondsBuckets)
      .Observe(absl::ToDoubleSeconds(clock_.Monotonic() - started));
  if (!status.ok() && !absl::IsInvalidArgument(status) && !absl::IsAlreadyExists(status)) {
    metrics_
        .GetCounter("millrace_database_errors_total", "Calls to the database that failed.",
                    {{"statement", operation}})
        .Increment();
  }
  return status;
}

absl::Status PostgresDatabase::RunOnce(const std::function<void(PostgresConnection&)>& body) {
  absl::StatusOr<std::unique_ptr<PostgresConnection>> connection = Borrow();
  if (!connection.ok()) return connection.status();
  const absl::Status status = (*connection)->Run(body);
  Return(*std::move(connection));
  return status;
}

absl::StatusOr<std::unique_ptr<PostgresConnection>> PostgresDatabase::Borrow() {
  {
    MutexLock lock(mutex_);
    SystemClock real;  // waits for other threads, which no fake clock moves
    const bool free = real.WaitFor(mutex_, returned_, options_.call_limit, [this] {
      mutex_.AssertHeld();
      return !idle_.empty() || open_ < options_.max_connections;
    });
    if (!free) return absl::UnavailableError("database: all connections are busy");
    if (!idle_.empty()) {
      std::unique_ptr<PostgresConnection> connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
    ++open_;
  }
  absl::StatusOr<std::unique_ptr<PostgresConnection>> connection = OpenConnection();
  if (!connection.ok()) {
    MutexLock lock(mutex_);
    --open_;
  }
  return connection;
}

void PostgresDatabase::Return(std::unique_ptr<PostgresConnection> connection) {
  std::vector<std::unique_ptr<PostgresConnection>> thrown_away;
  {
    MutexLock lock(mutex_);
    if (connection->broken()) {
      // Most likely the others are broken as well: the next call should not have to try them one by
      // one.
      thrown_away = std::move(idle_);
      idle_.clear();
      open_ -= static_cast<int>(thrown_away.size()) + 1;
    } else {
      idle_.push_back(std::move(connection));
    }
  }
  returned_.NotifyAll();
}

absl::StatusOr<std::unique_ptr<PostgresConnection>> PostgresDatabase::OpenConnection() {
  if (watchdog_.ended()) return absl::UnavailableError("database: the server is stopping");
  auto connection =
      std::make_unique<PostgresConnection>(statements_, watchdog_, options_.call_limit);
  if (absl::Status opened = connection->Open(options_.database_url); !opened.ok()) return opened;
  return connection;
}

}  // namespace millrace
