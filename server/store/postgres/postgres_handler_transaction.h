#pragma once

#include <functional>
#include <memory>
#include <pqxx/pqxx>
#include <stop_token>
#include <string>
#include <vector>

#include "server/store/handler_store.h"
#include "server/store/postgres/postgres_database.h"
#include "server/store/postgres/postgres_job_store.h"
#include "server/store/postgres/socket_cutter.h"

namespace millrace {

// One transaction of a handler, on a connection that it has borrowed. A connection on which the
// handler may have changed the session is not used again. Owned by the attempt; the database and
// the job store outlive it. Used from one thread: the handler's.
class PostgresHandlerTransaction final : public HandlerTransaction {
 public:
  PostgresHandlerTransaction(PostgresDatabase& database, PostgresJobStore& jobs,
                             PostgresDatabase::ConnectionPtr connection, std::stop_token stop);
  ~PostgresHandlerTransaction() override;
  PostgresHandlerTransaction(const PostgresHandlerTransaction&) = delete;
  PostgresHandlerTransaction& operator=(const PostgresHandlerTransaction&) = delete;

  // Before everything else. UNAVAILABLE if the connection is broken; CANCELLED.
  absl::Status Begin();

  absl::StatusOr<SqlRows> Execute(const std::string& sql,
                                  const std::vector<SqlValue>& parameters) override;
  absl::StatusOr<std::vector<AddedJob>> AddJobs(const std::vector<JobSpec>& specs) override;
  Completion Complete(WorkerNumber worker, const AttemptReport& report) override;

 private:
  // Runs `body` for as long as it takes, or until the stop token fires: then the connection is cut,
  // and the database ends the statement.
  absl::Status RunUntilStopped(const std::function<void(PostgresConnection&)>& body);
  CallLimit UntilStopped() const;

  // Constant after construction.
  PostgresDatabase& database_;
  PostgresJobStore& jobs_;
  const std::stop_token stop_;

  PostgresDatabase::ConnectionPtr connection_;
  const SocketCutter cutter_;
  std::unique_ptr<pqxx::work> work_;
  bool session_changed_ = false;
  // Of the statement that failed last.
  absl::Status failed_;
  size_t created_ = 0;
};

}  // namespace millrace
