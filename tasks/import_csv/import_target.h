#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "tasks/import_csv/import_request.h"
#include "tasks/import_csv/postgres_session.h"

namespace millrace {

// The table that files are loaded into, and beside it, in the same schema, the table
// millrace_imported_files, which knows what was loaded: a row for each import and file, written in
// the transaction that loads the file. So a file is loaded once, whatever is killed and repeated.
//
// Errors are those of PostgresSession; after CANCELLED or UNAVAILABLE make a new one. Used from one
// thread: that which made it.
class ImportTarget {
 public:
  // Connects, and creates what is missing and may be created. NOT_FOUND if the table is missing
  // and was not to be created. `request` outlives the target.
  static absl::StatusOr<std::unique_ptr<ImportTarget>> Open(const std::string& database_url,
                                                            const ImportRequest& request,
                                                            const std::string& import_id,
                                                            std::stop_token stop_token);

  // Loads one file in a transaction of its own, unless it was loaded, and returns its rows. As
  // CsvFile, and INVALID_ARGUMENT with line and column if the file does not fit.
  absl::StatusOr<int64_t> Load(const std::string& path);

 private:
  ImportTarget(std::unique_ptr<PostgresSession> session, const ImportRequest& request,
               std::string import_id);

  absl::Status FindSchema();
  absl::Status CreateWhatIsMissing();
  absl::StatusOr<bool> Exists(const std::string& quoted_name);
  absl::StatusOr<std::optional<int64_t>> LoadedRows(const std::string& path);
  // Within the transaction.
  absl::StatusOr<int64_t> CopyAndCount(const std::string& path);
  std::string CreateTableSql() const;
  std::string CopySql() const;

  const std::unique_ptr<PostgresSession> session_;
  const ImportRequest& request_;
  const std::string import_id_;
  // Quoted, with the schema; constant after Open.
  std::string table_;
  std::string ledger_;
};

}  // namespace millrace
