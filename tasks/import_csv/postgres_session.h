#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tasks/support/file_descriptor.h"

namespace millrace {

// A connection to PostgreSQL on which every wait ends when a stop token fires, COPY among them.
// After an error of code CANCELLED or UNAVAILABLE it is of no more use; the server rolls back what
// was open. Every other error is the server's answer to one statement, as INVALID_ARGUMENT with its
// words, line and column. Used from one thread: that which made it.
class PostgresSession {
 public:
  using Row = std::vector<std::optional<std::string>>;
  struct Result {
    std::vector<Row> rows;
    // Rows that an INSERT, UPDATE or COPY touched.
    int64_t affected = 0;
  };
  // Fills a buffer and returns how much it put there; 0 at the end.
  using Reader = std::function<absl::StatusOr<size_t>(char* buffer, size_t size)>;

  // `url` is a connection string or URL. FAILED_PRECONDITION if the server is too old.
  static absl::StatusOr<std::unique_ptr<PostgresSession>> Connect(const std::string& url,
                                                                  std::stop_token stop_token);

  // Runs one statement with its parameters as text.
  absl::StatusOr<Result> Execute(const std::string& sql,
                                 const std::vector<std::string>& parameters = {});
  // Runs a COPY ... FROM STDIN with what `read` gives, and returns the number of rows. An error of
  // `read` ends it, and is returned.
  absl::StatusOr<int64_t> CopyIn(const std::string& sql, const Reader& read);

  // For names and texts that are known only at run time.
  std::string QuoteIdentifier(const std::string& name) const;
  std::string QuoteLiteral(const std::string& text) const;

 private:
  struct ConnectionDeleter {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  struct ResultDeleter {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  using ResultPtr = std::unique_ptr<PGresult, ResultDeleter>;

  explicit PostgresSession(std::stop_token stop_token);
  void Wake() const;

  absl::Status FinishConnecting();
  absl::Status SetUp();
  // Waits until the socket is ready for `events` of poll(2), at most for `timeout_ms` (-1: for
  // ever).
  absl::Status WaitForSocket(short events, int timeout_ms);
  absl::Status Flush();
  absl::StatusOr<ResultPtr> NextResult();
  absl::StatusOr<ResultPtr> LastResult();
  absl::Status SendCopyData(const Reader& read);
  // `refusal` makes the server give up the COPY; null ends it well.
  absl::Status EndCopy(const char* refusal);
  absl::Status ConnectionLost() const;

  // Constant after construction.
  const std::stop_token stop_token_;
  // Readable once the token has fired.
  const FileDescriptor stop_event_;
  std::unique_ptr<PGconn, ConnectionDeleter> connection_;
  std::optional<std::stop_callback<std::function<void()>>> wake_;
};

}  // namespace millrace
