#include "server/store/postgres/postgres_database.h"

#include <algorithm>
#include <utility>

#include "absl/random/random.h"
#include "absl/status/status.h"

namespace millrace {
namespace {

constexpr int kMaxTries = 10;
// How soon a call that waits for a connection notices that its caller has gone.
constexpr absl::Duration kLookAtCaller = absl::Milliseconds(100);

// Buckets from 0.1 ms to 10 s.
const std::vector<double> kSecondsBuckets = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                             0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                             1,      2.5,     5,      10};

// Whether it says that the database, or what was sent to it, has a fault.
bool IsFailure(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return false;
    default:
      return true;
  }
}

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

absl::Status PostgresDatabase::RunWithin(absl::Duration longest, const std::string& operation,
                                         const CallLimit& call,
                                         const std::function<void(PostgresConnection&)>& body) {
  const absl::Duration started = clock_.Monotonic();
  absl::Status status = RunOnce(longest, call, body);
  for (int tries = 1; absl::IsAborted(status) && tries < kMaxTries; ++tries) {
    absl::BitGen random;
    const absl::Duration pause =
        absl::Milliseconds(absl::Uniform<double>(random, 0.5, 1.0) * (1 << std::min(tries, 8)));
    {
      // Nobody notifies: a pause that cannot be long.
      MutexLock lock(mutex_);
      returned_.WaitWithTimeout(mutex_, pause);
    }
    status = RunOnce(longest, call, body);
  }
  metrics_
      .GetHistogram("millrace_database_statement_seconds",
                    "Time of calls to the database, retries included.", {{"statement", operation}},
                    kSecondsBuckets)
      .Observe(absl::ToDoubleSeconds(clock_.Monotonic() - started));
  if (IsFailure(status)) {
    metrics_
        .GetCounter("millrace_database_errors_total", "Calls to the database that failed.",
                    {{"statement", operation}})
        .Increment();
  }
  return status;
}

absl::Status PostgresDatabase::RunOnce(absl::Duration longest, const CallLimit& call,
                                       const std::function<void(PostgresConnection&)>& body) {
  absl::StatusOr<ConnectionPtr> connection = Borrow(call, options_.call_limit);
  if (!connection.ok()) return connection.status();
  // Connecting may have taken all the time.
  absl::Status status = call.Check();
  if (status.ok()) status = (*connection)->RunWithin(longest, call.time_left(), body);
  if (absl::IsPermissionDenied(status)) status = (*connection)->WithAdvice(status);
  Return(*std::move(connection));
  // Most likely that is why; and if not, nobody waits for the reason any more.
  if (absl::IsUnavailable(status) && call.has_passed()) return CallLimit::DeadlineHasPassed();
  return status;
}

absl::StatusOr<PostgresDatabase::ConnectionPtr> PostgresDatabase::Borrow(const CallLimit& call,
                                                                         absl::Duration longest) {
  const CallLimit ours(longest, nullptr);
  std::optional<ConnectionPtr> connection;
  while (!connection.has_value()) {
    if (absl::Status wanted = call.Check(); !wanted.ok()) return wanted;
    if (ours.has_passed()) return absl::UnavailableError("database: all connections are busy");
    connection = AwaitFree(std::min({ours.time_left(), call.time_left(), kLookAtCaller}));
  }
  if (*connection != nullptr) return *std::move(connection);
  absl::StatusOr<ConnectionPtr> opened = OpenConnection();
  if (!opened.ok()) {
    MutexLock lock(mutex_);
    --open_;
    returned_.NotifyOne();
  }
  return opened;
}

std::optional<PostgresDatabase::ConnectionPtr> PostgresDatabase::AwaitFree(absl::Duration timeout) {
  MutexLock lock(mutex_);
  SystemClock real;  // waits for other threads, which no fake clock moves
  const bool free = real.WaitFor(mutex_, returned_, timeout, [this] {
    mutex_.AssertHeld();
    return !idle_.empty() || open_ < options_.max_connections;
  });
  if (!free) return std::nullopt;
  if (idle_.empty()) {
    ++open_;
    return ConnectionPtr();
  }
  ConnectionPtr connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

void PostgresDatabase::Return(ConnectionPtr connection) {
  std::vector<ConnectionPtr> thrown_away;
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

void PostgresDatabase::ThrowAway(ConnectionPtr connection) {
  connection.reset();
  {
    MutexLock lock(mutex_);
    --open_;
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
