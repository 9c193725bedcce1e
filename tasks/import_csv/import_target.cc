#include "tasks/import_csv/import_target.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tasks/import_csv/csv_file.h"

namespace millrace {
namespace {

// The key holds the table as well, so that one import id can stand for several tables.
constexpr char kLedgerColumns[] =
    " (import_id text, target text, file text, row_count bigint,"
    " loaded_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (import_id, target, file))";

}  // namespace

ImportTarget::ImportTarget(std::unique_ptr<PostgresSession> session, const ImportRequest& request,
                           std::string import_id)
    : session_(std::move(session)), request_(request), import_id_(std::move(import_id)) {}

absl::StatusOr<std::unique_ptr<ImportTarget>> ImportTarget::Open(const std::string& database_url,
                                                                 const ImportRequest& request,
                                                                 const std::string& import_id,
                                                                 std::stop_token stop_token) {
  absl::StatusOr<std::unique_ptr<PostgresSession>> session =
      PostgresSession::Connect(database_url, std::move(stop_token));
  if (!session.ok()) return session.status();
  std::unique_ptr<ImportTarget> target(new ImportTarget(*std::move(session), request, import_id));
  if (const absl::Status found = target->FindSchema(); !found.ok()) return found;
  if (const absl::Status created = target->CreateWhatIsMissing(); !created.ok()) return created;
  return target;
}

absl::Status ImportTarget::FindSchema() {
  std::string schema = request_.schema;
  if (schema.empty()) {
    const absl::StatusOr<PostgresSession::Result> found =
        session_->Execute("SELECT current_schema()");
    if (!found.ok()) return found.status();
    schema = found->rows.at(0).at(0).value_or("public");
  }
  const std::string quoted = session_->QuoteIdentifier(schema);
  table_ = quoted + "." + session_->QuoteIdentifier(request_.table);
  ledger_ = quoted + ".millrace_imported_files";
  return absl::OkStatus();
}

absl::StatusOr<bool> ImportTarget::Exists(const std::string& quoted_name) {
  const absl::StatusOr<PostgresSession::Result> found =
      session_->Execute("SELECT to_regclass($1)", {quoted_name});
  if (!found.ok()) return found.status();
  return found->rows.at(0).at(0).has_value();
}

absl::Status ImportTarget::CreateWhatIsMissing() {
  // Asked first, since IF NOT EXISTS wants the right to create even where there is nothing to do.
  const absl::StatusOr<bool> has_table = Exists(table_);
  if (!has_table.ok()) return has_table.status();
  if (!*has_table && !request_.create_table) {
    return absl::NotFoundError("the table " + table_ +
                               " does not exist: create it, or set create_table and the columns");
  }
  const absl::StatusOr<bool> has_ledger = Exists(ledger_);
  if (!has_ledger.ok()) return has_ledger.status();
  std::vector<std::string> statements;
  if (!*has_table) statements.push_back(CreateTableSql());
  if (!*has_ledger) {
    statements.push_back("CREATE TABLE IF NOT EXISTS " + ledger_ + kLedgerColumns);
  }
  if (statements.empty()) return absl::OkStatus();
  // Two that create the same at once would stumble over each other even so.
  statements.insert(statements.begin(),
                    {"BEGIN", "SELECT pg_advisory_xact_lock(hashtext('millrace import_csv'))"});
  statements.push_back("COMMIT");
  for (const std::string& statement : statements) {
    if (const auto done = session_->Execute(statement); !done.ok()) return done.status();
  }
  return absl::OkStatus();
}

std::string ImportTarget::CreateTableSql() const {
  std::vector<std::string> columns;
  for (const ImportColumn& column : request_.columns) {
    columns.push_back(session_->QuoteIdentifier(column.name) + " " + column.type);
  }
  return absl::StrCat("CREATE TABLE IF NOT EXISTS ", table_, " (", absl::StrJoin(columns, ", "),
                      ")");
}

std::string ImportTarget::CopySql() const {
  std::vector<std::string> columns;
  for (const ImportColumn& column : request_.columns) {
    columns.push_back(session_->QuoteIdentifier(column.name));
  }
  // MATCH: the header must name these columns, in this order.
  return absl::StrCat("COPY ", table_,
                      columns.empty() ? "" : " (" + absl::StrJoin(columns, ", ") + ")",
                      " FROM STDIN WITH (FORMAT csv, HEADER MATCH, DELIMITER ",
                      session_->QuoteLiteral(std::string(1, request_.delimiter)), ", NULL ",
                      session_->QuoteLiteral(request_.null_text), ", ENCODING ",
                      session_->QuoteLiteral(request_.encoding), ")");
}

absl::StatusOr<std::optional<int64_t>> ImportTarget::LoadedRows(const std::string& path) {
  const absl::StatusOr<PostgresSession::Result> found = session_->Execute(
      "SELECT row_count FROM " + ledger_ + " WHERE import_id = $1 AND target = $2 AND file = $3",
      {import_id_, table_, path});
  if (!found.ok()) return found.status();
  int64_t rows = 0;
  if (found->rows.empty() || !absl::SimpleAtoi(found->rows[0].at(0).value_or("0"), &rows)) {
    return std::optional<int64_t>();
  }
  return std::optional<int64_t>(rows);
}

absl::StatusOr<int64_t> ImportTarget::CopyAndCount(const std::string& path) {
  absl::StatusOr<CsvFile> file = CsvFile::Open(path);
  if (!file.ok()) return file.status();
  const absl::StatusOr<int64_t> rows = session_->CopyIn(
      CopySql(), [&file](char* buffer, size_t size) { return file->Read(buffer, size); });
  if (!rows.ok()) return rows.status();
  const absl::StatusOr<PostgresSession::Result> counted = session_->Execute(
      "UPDATE " + ledger_ +
          " SET row_count = $4 WHERE import_id = $1 AND target = $2 AND file = $3",
      {import_id_, table_, path, absl::StrCat(*rows)});
  if (!counted.ok()) return counted.status();
  if (const auto done = session_->Execute("COMMIT"); !done.ok()) return done.status();
  return *rows;
}

absl::StatusOr<int64_t> ImportTarget::Load(const std::string& path) {
  if (const auto begun = session_->Execute("BEGIN"); !begun.ok()) return begun.status();
  // Before the copy, so that a second handler of the same job waits here until this one has ended.
  const absl::StatusOr<PostgresSession::Result> entered =
      session_->Execute("INSERT INTO " + ledger_ +
                            " (import_id, target, file) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                        {import_id_, table_, path});
  absl::StatusOr<int64_t> rows = absl::AlreadyExistsError("was loaded before");
  if (!entered.ok()) rows = entered.status();
  if (entered.ok() && entered->affected == 1) rows = CopyAndCount(path);
  if (rows.ok() || absl::IsCancelled(rows.status()) || absl::IsUnavailable(rows.status())) {
    return rows;
  }
  if (const auto undone = session_->Execute("ROLLBACK"); !undone.ok()) return undone.status();
  if (!absl::IsAlreadyExists(rows.status())) return rows;
  const absl::StatusOr<std::optional<int64_t>> loaded = LoadedRows(path);
  if (!loaded.ok()) return loaded.status();
  if (!loaded->has_value()) return absl::AbortedError("the record of " + path + " went away");
  return **loaded;
}

}  // namespace millrace
