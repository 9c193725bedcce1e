#include "tasks/import_csv/postgres_session.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace millrace {
namespace {

constexpr int kConnectTimeoutMs = 15'000;
constexpr int kOldestServer = 150'000;
constexpr size_t kCopyChunk = size_t{64} * 1024;

std::string ErrorField(const PGresult* result, int field) {
  const char* const text = PQresultErrorField(result, field);
  return text == nullptr ? "" : text;
}

// One line: what is wrong, the server's detail, and where: "COPY sales, line 3, column amount".
absl::Status ServerError(const PGresult* result) {
  std::string message = ErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (message.empty()) message = PQresultErrorMessage(result);
  for (const int field : {PG_DIAG_MESSAGE_DETAIL, PG_DIAG_CONTEXT}) {
    std::string more = ErrorField(result, field);
    more.resize(std::min(more.size(), more.find('\n')));
    if (!more.empty()) absl::StrAppend(&message, " (", more, ")");
  }
  return absl::InvalidArgumentError(message);
}

bool IsError(const PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
}

PostgresSession::Result ToResult(const PGresult* result) {
  PostgresSession::Result made;
  // Empty for statements that touch no rows, which leaves zero.
  if (!absl::SimpleAtoi(PQcmdTuples(const_cast<PGresult*>(result)), &made.affected)) {
    made.affected = 0;
  }
  for (int row = 0; row < PQntuples(result); ++row) {
    PostgresSession::Row& values = made.rows.emplace_back();
    for (int column = 0; column < PQnfields(result); ++column) {
      if (PQgetisnull(result, row, column) != 0) {
        values.emplace_back(std::nullopt);
      } else {
        values.emplace_back(PQgetvalue(result, row, column));
      }
    }
  }
  return made;
}

}  // namespace

PostgresSession::PostgresSession(std::stop_token stop_token)
    : stop_token_(std::move(stop_token)), stop_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  wake_.emplace(stop_token_, [this] { Wake(); });
}

void PostgresSession::Wake() const {
  const uint64_t one = 1;
  // It can only fail when it was signalled already.
  [[maybe_unused]] const ssize_t written = write(stop_event_.get(), &one, sizeof(one));
}

absl::Status PostgresSession::ConnectionLost() const {
  return absl::UnavailableError(
      std::string(absl::StripSuffix(PQerrorMessage(connection_.get()), "\n")));
}

absl::StatusOr<std::unique_ptr<PostgresSession>> PostgresSession::Connect(
    const std::string& url, std::stop_token stop_token) {
  std::unique_ptr<PostgresSession> session(new PostgresSession(std::move(stop_token)));
  // What stands before dbname gives way to the URL, what stands behind it does not.
  const char* const names[] = {"application_name", "keepalives_idle", "tcp_user_timeout",
                               "dbname",           "client_encoding", nullptr};
  const char* const values[] = {"millrace import_csv", "30", "60000", url.c_str(), "UTF8", nullptr};
  session->connection_.reset(PQconnectStartParams(names, values, /*expand_dbname=*/1));
  if (const absl::Status connected = session->FinishConnecting(); !connected.ok()) {
    return connected;
  }
  if (const absl::Status ready = session->SetUp(); !ready.ok()) return ready;
  return session;
}

absl::Status PostgresSession::FinishConnecting() {
  if (PQstatus(connection_.get()) == CONNECTION_BAD) return ConnectionLost();
  // By its rules the first wait is for writing.
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (next != PGRES_POLLING_OK) {
    const short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (const absl::Status ready = WaitForSocket(events, kConnectTimeoutMs); !ready.ok()) {
      return ready;
    }
    next = PQconnectPoll(connection_.get());
    if (next == PGRES_POLLING_FAILED) return ConnectionLost();
  }
  return absl::OkStatus();
}

absl::Status PostgresSession::SetUp() {
  if (PQserverVersion(connection_.get()) < kOldestServer) {
    return absl::FailedPreconditionError(
        absl::StrCat("import_csv needs PostgreSQL 15 or later, and this one is ",
                     PQparameterStatus(connection_.get(), "server_version")));
  }
  PQsetnonblocking(connection_.get(), 1);
  PQsetNoticeProcessor(connection_.get(), [](void*, const char*) {}, nullptr);
  // So that a statement that waits for a lock ends, too, when this session is dropped.
  return Execute("SET client_connection_check_interval = '1s'").status();
}

absl::Status PostgresSession::WaitForSocket(short events, int timeout_ms) {
  std::array<pollfd, 2> waits = {pollfd{PQsocket(connection_.get()), events, 0},
                                 pollfd{stop_event_.get(), POLLIN, 0}};
  int ready = 0;
  do {
    ready = poll(waits.data(), waits.size(), timeout_ms);
  } while (ready < 0 && errno == EINTR);
  if (stop_token_.stop_requested()) return absl::CancelledError("asked to stop");
  if (ready < 0) return FileError("cannot wait for", "the database");
  if (ready == 0) return absl::UnavailableError("the database does not answer");
  return absl::OkStatus();
}

absl::Status PostgresSession::Flush() {
  int left = 0;
  while ((left = PQflush(connection_.get())) == 1) {
    // Reading as well: the server may be waiting to be rid of an answer.
    if (const absl::Status ready = WaitForSocket(POLLIN | POLLOUT, -1); !ready.ok()) return ready;
    if (PQconsumeInput(connection_.get()) == 0) return ConnectionLost();
  }
  return left == 0 ? absl::OkStatus() : ConnectionLost();
}

absl::StatusOr<PostgresSession::ResultPtr> PostgresSession::NextResult() {
  while (PQisBusy(connection_.get()) != 0) {
    if (const absl::Status ready = WaitForSocket(POLLIN, -1); !ready.ok()) return ready;
    if (PQconsumeInput(connection_.get()) == 0) return ConnectionLost();
  }
  return ResultPtr(PQgetResult(connection_.get()));
}

absl::StatusOr<PostgresSession::ResultPtr> PostgresSession::LastResult() {
  ResultPtr last;
  while (true) {
    absl::StatusOr<ResultPtr> next = NextResult();
    if (!next.ok()) return next.status();
    if (*next == nullptr) break;
    last = *std::move(next);
    if (PQresultStatus(last.get()) == PGRES_COPY_IN) break;
  }
  if (PQstatus(connection_.get()) == CONNECTION_BAD || last == nullptr) return ConnectionLost();
  if (IsError(last.get())) return ServerError(last.get());
  return last;
}

absl::StatusOr<PostgresSession::Result> PostgresSession::Execute(
    const std::string& sql, const std::vector<std::string>& parameters) {
  if (stop_token_.stop_requested()) return absl::CancelledError("asked to stop");
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  if (PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, /*resultFormat=*/0) == 0) {
    return ConnectionLost();
  }
  if (const absl::Status sent = Flush(); !sent.ok()) return sent;
  const absl::StatusOr<ResultPtr> result = LastResult();
  if (!result.ok()) return result.status();
  return ToResult(result->get());
}

absl::Status PostgresSession::SendCopyData(const Reader& read) {
  std::vector<char> buffer(kCopyChunk);
  while (!stop_token_.stop_requested()) {
    const absl::StatusOr<size_t> size = read(buffer.data(), buffer.size());
    if (!size.ok()) return size.status();
    if (*size == 0) return absl::OkStatus();
    if (PQputCopyData(connection_.get(), buffer.data(), static_cast<int>(*size)) != 1) {
      return ConnectionLost();
    }
    // Each chunk leaves before the next is read, so that memory does not grow.
    if (const absl::Status sent = Flush(); !sent.ok()) return sent;
  }
  return absl::CancelledError("asked to stop");
}

absl::Status PostgresSession::EndCopy(const char* refusal) {
  if (PQputCopyEnd(connection_.get(), refusal) != 1) return ConnectionLost();
  return Flush();
}

absl::StatusOr<int64_t> PostgresSession::CopyIn(const std::string& sql, const Reader& read) {
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) return ConnectionLost();
  if (const absl::Status sent = Flush(); !sent.ok()) return sent;
  if (const absl::StatusOr<ResultPtr> begun = LastResult(); !begun.ok()) return begun.status();
  const absl::Status read_all = SendCopyData(read);
  if (absl::IsCancelled(read_all) || absl::IsUnavailable(read_all)) return read_all;
  const char* const refusal = read_all.ok() ? nullptr : "the rest of the file cannot be read";
  if (const absl::Status ended = EndCopy(refusal); !ended.ok()) return ended;
  const absl::StatusOr<ResultPtr> result = LastResult();
  if (!read_all.ok()) return read_all;
  if (!result.ok()) return result.status();
  return ToResult(result->get()).affected;
}

std::string PostgresSession::QuoteIdentifier(const std::string& name) const {
  char* const quoted = PQescapeIdentifier(connection_.get(), name.data(), name.size());
  if (quoted == nullptr) return "";
  std::string copy = quoted;
  PQfreemem(quoted);
  return copy;
}

std::string PostgresSession::QuoteLiteral(const std::string& text) const {
  char* const quoted = PQescapeLiteral(connection_.get(), text.data(), text.size());
  if (quoted == nullptr) return "";
  std::string copy = quoted;
  PQfreemem(quoted);
  return copy;
}

}  // namespace millrace
