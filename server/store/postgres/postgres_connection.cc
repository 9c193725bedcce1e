#include "server/store/postgres/postgres_connection.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/store/postgres/connection_string.h"

namespace millrace {
namespace {

// What the database gets to end a statement by itself, before its connection is cut.
constexpr absl::Duration kCancelGrace = absl::Seconds(1);
constexpr char kQueryCanceled[] = "57014";

// For a statement with so much time left: at most an eighth more, so that the sessions of callers
// who have the same deadline need not be told anew for each of their calls.
int64_t StatementTimeoutMs(absl::Duration time_left) {
  const int64_t least_ms = std::max<int64_t>(absl::ToInt64Milliseconds(time_left) + 1, 1);
  int64_t step = 1;
  while (step * 16 <= least_ms) step *= 2;
  return (least_ms + step - 1) / step * step;
}

// PostgreSQL's messages have several lines (DETAIL, CONTEXT); people get the first, without its
// "ERROR:".
std::string FirstLine(const std::string& message) {
  std::string line = message.substr(0, message.find('\n'));
  for (const std::string prefix : {"ERROR:  ", "FATAL:  "}) {
    if (line.starts_with(prefix)) line = line.substr(prefix.size());
  }
  return line;
}

// https://www.postgresql.org/docs/15/errcodes-appendix.html
absl::Status StatusOfSqlState(const std::string& state, const std::string& message) {
  const std::string kind = state.substr(0, 2);
  if (kind == "40") return absl::AbortedError(message);
  if (state == "23505") return absl::AlreadyExistsError(message);
  if (kind == "22" || kind == "23" || state == "54000") return absl::InvalidArgumentError(message);
  // A lock that was not to be waited for any longer: as good as a database that does not answer.
  if (state == "55P03") return absl::UnavailableError("database: " + message);
  if ((kind == "08" && state != "08P01") || kind == "57" || kind == "53" || state == "25006")
    return absl::UnavailableError("database: " + message);
  // As if it were away: somebody is changing the schema, and what is missing may come back.
  if (state == "3F000" || state == "42P01" || state == "42883") {
    return absl::UnavailableError("database schema does not fit: " + message);
  }
  return absl::InternalError(absl::StrCat(
      "database: ", message, state.empty() ? "" : absl::StrCat(" (SQLSTATE ", state, ")")));
}

// Left to itself, libpqxx connects anew where a connection is used once more after its loss was
// noticed, and what runs then runs without the settings of the session.
void NeverConnectAnew(pqxx::connection& connection) {
// Deprecated since libpqxx 7 does so of itself.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  connection.inhibit_reactivation(true);
#pragma GCC diagnostic pop
}

}  // namespace

absl::Status PostgresConnection::Open(const std::string& database_url) {
  try {
    connection_ = std::make_unique<pqxx::connection>(WithConnectionLimits(database_url));
    NeverConnectAnew(*connection_);
    connection_->set_verbosity(pqxx::connection_base::terse);
    const CallWatchdog::Guard guard(watchdog_, connection_->sock(), call_limit_);
    pqxx::nontransaction transaction(*connection_);
    // One plan for all values: the hot statements are written for it, and it is made once.
    transaction.exec(
        "set timezone = 'UTC'; set datestyle = 'ISO'; set client_encoding = 'UTF8'; set "
        "client_min_messages = 'warning';"
        "set plan_cache_mode = 'force_generic_plan'; set jit = off; set "
        "standard_conforming_strings = on;"
        "set default_transaction_isolation = 'read committed'; set synchronous_commit = on");
  } catch (const std::exception& error) {
    broken_ = true;
    return absl::UnavailableError(
        absl::StrCat("cannot connect to the database: ", FirstLine(error.what())));
  }
  return absl::OkStatus();
}

void PostgresConnection::Prepare(const std::string& variant, const std::string& name,
                                 const std::string& rows) {
  if (!prepared_.insert(variant).second) return;
  connection_->prepare(variant, absl::StrReplaceAll(statements_.Text(name), {{"{rows}", rows}}));
}

void PostgresConnection::SetStatementTimeout(int64_t timeout_ms) {
  if (timeout_ms == statement_timeout_ms_) return;
  pqxx::nontransaction transaction(*connection_);
  Execute(transaction, "SetStatementTimeout", std::to_string(timeout_ms));
  statement_timeout_ms_ = timeout_ms;
}

absl::Status PostgresConnection::WithAdvice(const absl::Status& denied) const {
  const auto quoted = [](const std::string& name) {
    return absl::StrCat("\"", absl::StrReplaceAll(name, {{"\"", "\"\""}}), "\"");
  };
  const std::string role = quoted(connection_->username());
  return absl::PermissionDeniedError(
      absl::StrCat(denied.message(), "; let an administrator run one of: grant create on database ",
                   quoted(connection_->dbname()), " to ", role,
                   " (to make the schema), alter schema ", quoted(statements_.schema()),
                   " owner to ", role, " (to use one that is empty), grant OWNER to ", role,
                   " (to use the tables of the role OWNER)"));
}

absl::Status PostgresConnection::Lost(const char* when) {
  broken_ = true;
  return absl::UnavailableError(absl::StrCat("the connection to the database was lost", when));
}

absl::Status PostgresConnection::RunWithin(absl::Duration longest, absl::Duration time_left,
                                           const std::function<void(PostgresConnection&)>& body) {
  const int socket = connection_->sock();
  if (socket < 0) return Lost();
  const int64_t timeout_ms = time_left < longest ? StatementTimeoutMs(time_left) : 0;
  absl::Duration limit = longest;
  if (timeout_ms > 0) limit = std::min(limit, absl::Milliseconds(timeout_ms) + kCancelGrace);
  CallWatchdog::Guard guard(watchdog_, socket, limit);
  try {
    SetStatementTimeout(timeout_ms);
    body(*this);
    return absl::OkStatus();
  } catch (const pqxx::in_doubt_error&) {
    return Lost(" while committing");
  } catch (const pqxx::broken_connection&) {
    // What libpqxx says here is often a consequence that misleads.
    if (!guard.expired()) return Lost();
    broken_ = true;
    return absl::UnavailableError("database: no answer in time");
  } catch (const pqxx::serialization_failure& error) {
    return absl::AbortedError(FirstLine(error.what()));
  } catch (const pqxx::deadlock_detected& error) {
    return absl::AbortedError(FirstLine(error.what()));
  } catch (const pqxx::insufficient_privilege& error) {
    // The one kind of error to which libpqxx gives no SQLSTATE (42501).
    return absl::PermissionDeniedError("database: " + FirstLine(error.what()));
  } catch (const pqxx::sql_error& error) {
    // A backend that was told to end answers with 57P01 and is gone; after 57014 it is still there.
    const std::string& state = error.sqlstate();
    const bool ended = state.substr(0, 2) == "57" && state != kQueryCanceled;
    if (!connection_->is_open() || ended) broken_ = true;
    return StatusOfSqlState(error.sqlstate(), FirstLine(error.what()));
  } catch (const std::exception& error) {
    broken_ = true;
    return absl::InternalError(absl::StrCat("database client: ", FirstLine(error.what())));
  }
}

}  // namespace millrace
