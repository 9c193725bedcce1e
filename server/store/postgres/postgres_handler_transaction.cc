#include "server/store/postgres/postgres_handler_transaction.h"

#include <utility>

#include "server/model/sql_verb.h"
#include "server/store/postgres/attempt_reports.h"

namespace millrace {
namespace {

SqlRows ReadRows(const pqxx::result& result) {
  SqlRows read;
  for (pqxx::row::size_type i = 0; i < result.columns(); ++i) {
    read.columns.emplace_back(result.column_name(i));
  }
  for (const auto& row : result) {
    std::vector<SqlValue>& values = read.rows.emplace_back();
    for (const auto& field : row) {
      values.push_back(field.is_null() ? SqlValue() : SqlValue({field.c_str(), field.size()}));
    }
  }
  read.affected = static_cast<int64_t>(result.affected_rows());
  return read;
}

absl::Status AskedToStop() { return absl::CancelledError("the handler was asked to stop"); }

}  // namespace

PostgresHandlerTransaction::PostgresHandlerTransaction(PostgresDatabase& database,
                                                       PostgresJobStore& jobs,
                                                       PostgresDatabase::ConnectionPtr connection,
                                                       std::stop_token stop)
    : database_(database),
      jobs_(jobs),
      stop_(std::move(stop)),
      connection_(std::move(connection)),
      cutter_(connection_->raw().sock()) {}

PostgresHandlerTransaction::~PostgresHandlerTransaction() {
  // Rolls back. Where that fails the connection is broken, and its end does the same.
  if (work_ != nullptr)
    connection_->Run([this](PostgresConnection&) { work_.reset(); }).IgnoreError();
  work_.reset();
  if (session_changed_) {
    database_.ThrowAway(std::move(connection_));
  } else {
    database_.Return(std::move(connection_));
  }
}

absl::Status PostgresHandlerTransaction::Begin() {
  return RunUntilStopped([this](PostgresConnection& connection) {
    work_ = std::make_unique<pqxx::work>(connection.raw());
    connection.Execute(*work_, "BeginHandlerTransaction");
  });
}

absl::Status PostgresHandlerTransaction::RunUntilStopped(
    const std::function<void(PostgresConnection&)>& body) {
  if (stop_.stop_requested()) return AskedToStop();
  absl::Status ran;
  {
    const std::stop_callback on_stop(stop_, [this] { cutter_.Cut(); });
    ran = connection_->RunWithin(absl::InfiniteDuration(), absl::InfiniteDuration(), body);
  }
  if (ran.ok()) return ran;
  if (connection_->broken() && stop_.stop_requested()) ran = AskedToStop();
  failed_ = ran;
  return ran;
}

absl::StatusOr<SqlRows> PostgresHandlerTransaction::Execute(
    const std::string& sql, const std::vector<SqlValue>& parameters) {
  if (VerbOf(sql) != SqlVerb::kWithinTransaction) session_changed_ = true;
  std::vector<const char*> texts;
  texts.reserve(parameters.size());
  for (const SqlValue& value : parameters) {
    texts.push_back(value.has_value() ? value->c_str() : nullptr);
  }
  SqlRows rows;
  const absl::Status ran = RunUntilStopped([&](PostgresConnection&) {
    // With parameters, even if there are none: so it can be no more than one statement.
    rows = ReadRows(work_->exec_params(sql, pqxx::prepare::make_dynamic_params(texts)));
  });
  if (!ran.ok()) return ran;
  return rows;
}

CallLimit PostgresHandlerTransaction::UntilStopped() const {
  return CallLimit(absl::InfiniteDuration(), [this] { return stop_.stop_requested(); });
}

absl::StatusOr<std::vector<AddedJob>> PostgresHandlerTransaction::AddJobs(
    const std::vector<JobSpec>& specs) {
  if (stop_.stop_requested()) return AskedToStop();
  // Names that are new are made beside the transaction, so that nobody waits for its end.
  if (absl::Status made = jobs_.MakeNames(specs, UntilStopped()); !made.ok()) return made;
  std::vector<AddedJob> added;
  bool complete = false;
  const absl::Status ran = RunUntilStopped([&](PostgresConnection& connection) {
    complete = jobs_.AddWithin(connection, *work_, specs, added);
  });
  if (!ran.ok()) return ran;
  if (!complete) {
    failed_ = absl::InternalError("a task or a serial queue that was there has gone");
    return failed_;
  }
  for (const AddedJob& job : added) created_ += job.result == AddResult::kCreated ? 1 : 0;
  return added;
}

Completion PostgresHandlerTransaction::Complete(WorkerNumber worker, const AttemptReport& report) {
  using Ending = Completion::Ending;
  RecordResult result;
  result.verdicts.resize(1);
  result.recorded_at.resize(1);
  const absl::Status settled = connection_->Run([&](PostgresConnection& connection) {
    connection.Execute(*work_, "LimitIdleTransaction");
    Settle(connection, *work_, worker, {report}, {0}, result);
  });
  // Of a transaction that was spoilt before, the database only says that it was.
  if (!settled.ok()) return {Ending::kRolledBack, failed_.ok() ? settled : failed_, {}};
  if (result.verdicts[0] != RecordVerdict::kAccepted) return {Ending::kClaimLost, {}, {}};
  const absl::Status committed = connection_->Run([this](PostgresConnection&) {
    work_->commit();
    work_.reset();
  });
  if (committed.ok()) {
    jobs_.CountAdded(created_);
    return {Ending::kRecorded, {}, result.recorded_at[0]};
  }
  return {connection_->broken() ? Ending::kUnknown : Ending::kRolledBack, committed, {}};
}

}  // namespace millrace
