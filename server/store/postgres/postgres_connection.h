#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <pqxx/pqxx>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/store/postgres/call_watchdog.h"
#include "server/store/postgres/sql_statements.h"

namespace millrace {

// One connection with its prepared statements. It never connects anew: one that was broken is
// thrown away, see broken(). Opened by Open. Used from one thread at a time.
class PostgresConnection {
 public:
  PostgresConnection(const SqlStatements& statements, CallWatchdog& watchdog,
                     absl::Duration call_limit)
      : statements_(statements), watchdog_(watchdog), call_limit_(call_limit) {}

  // Connects, with settings that the text forms of postgres_text.h rely on, within the limits of
  // connection_string.h. UNAVAILABLE.
  absl::Status Open(const std::string& database_url);

  // Runs `body` under the watchdog and turns whatever it throws into a status: the one place where
  // exceptions of pqxx are caught. After `time_left`, if that is less than the call limit, the
  // database itself ends the statement; the connection is cut only if it does not even do that.
  // UNAVAILABLE: the time was over; or the connection is or was broken, and if that happened while
  // it committed, nobody knows whether it did; or a table or function is missing.
  // ABORTED: serialization failure, deadlock. ALREADY_EXISTS: unique violation. INVALID_ARGUMENT:
  // the database refused a value. PERMISSION_DENIED: the role of the connection lacks a right.
  // INTERNAL: the rest. Never FAILED_PRECONDITION, which is left to
  // what the stores themselves find, such as a lease that has ended.
  absl::Status Run(absl::Duration time_left, const std::function<void(PostgresConnection&)>& body) {
    return RunWithin(call_limit_, time_left, body);
  }
  absl::Status Run(const std::function<void(PostgresConnection&)>& body) {
    return Run(absl::InfiniteDuration(), body);
  }
  // The same where another limit than the call limit holds.
  absl::Status RunWithin(absl::Duration longest, absl::Duration time_left,
                         const std::function<void(PostgresConnection&)>& body);

  // For use in `body`: runs one named statement in `transaction`, prepared at its first use.
  template <typename... Arguments>
  pqxx::result Execute(pqxx::transaction_base& transaction, const std::string& name,
                       const Arguments&... arguments) {
    Prepare(name, name, "");
    return transaction.exec_prepared(name, arguments...);
  }
  // The same for a statement with a literal number of {rows}.
  template <typename... Arguments>
  pqxx::result ExecuteWithRows(int rows, pqxx::transaction_base& transaction,
                               const std::string& name, const Arguments&... arguments) {
    const std::string variant = name + "/" + std::to_string(rows);
    Prepare(variant, name, std::to_string(rows));
    return transaction.exec_prepared(variant, arguments...);
  }

  // To what Run has answered, what would give the role of this connection the rights of a server.
  // REQUIRES: absl::IsPermissionDenied(denied).
  absl::Status WithAdvice(const absl::Status& denied) const;

  pqxx::connection& raw() { return *connection_; }
  bool broken() const { return broken_; }

 private:
  void Prepare(const std::string& variant, const std::string& name, const std::string& rows);
  void SetStatementTimeout(int64_t timeout_ms);
  // `when` goes on from the message.
  absl::Status Lost(const char* when = "");

  const SqlStatements& statements_;
  CallWatchdog& watchdog_;
  const absl::Duration call_limit_;
  std::unique_ptr<pqxx::connection> connection_;
  std::set<std::string> prepared_;
  // What the session has at this moment; 0 for none.
  int64_t statement_timeout_ms_ = 0;
  bool broken_ = false;
};

}  // namespace millrace
