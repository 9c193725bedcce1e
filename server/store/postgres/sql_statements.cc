#include "server/store/postgres/sql_statements.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_replace.h"
#include "server/store/postgres/reserved_words.h"
#include "server/store/postgres/sql_migrations.h"
#include "server/store/postgres/sql_queries.h"

namespace millrace {
namespace {

bool IsPlainName(const std::string& name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && name.size() <= 40 && !(name[0] >= '0' && name[0] <= '9') &&
         name.rfind("pg_", 0) != 0 && std::all_of(name.begin(), name.end(), plain);
}

}  // namespace

absl::Status SqlStatements::CheckSchemaName(const std::string& name) {
  if (!IsPlainName(name)) {
    return absl::InvalidArgumentError(
        "schema: \"" + name +
        "\" must be 1 to 40 of a-z, 0-9 and _, beginning with a letter or _, and not with pg_");
  }
  if (IsReservedWord(name)) {
    return absl::InvalidArgumentError("schema: \"" + name +
                                      "\" is a reserved word of PostgreSQL; choose another name");
  }
  return absl::OkStatus();
}

absl::StatusOr<SqlStatements> SqlStatements::Create(const std::string& schema) {
  if (absl::Status valid = CheckSchemaName(schema); !valid.ok()) return valid;
  return SqlStatements(schema);
}

SqlStatements::SqlStatements(std::string schema) : schema_(std::move(schema)) {
  for (const kSqlQueriesEntry& file : kSqlQueries) AddQueries(file.text);
  for (const kSqlMigrationsEntry& file : kSqlMigrations) {
    const std::string name(file.name);  // NNNN_what.sql
    migrations_.push_back(
        {std::atoi(name.c_str()), name.substr(5, name.size() - 9), ForSchema(file.text)});
  }
}

// A statement reaches from the line after "-- name: X" to the first line that ends in a semicolon
// and is no comment.
void SqlStatements::AddQueries(const std::string& file) {
  static const std::string kMark = "-- name: ";
  std::istringstream lines(file);
  std::string name, text;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(kMark, 0) == 0) {
      name = line.substr(kMark.size());
    } else if (!name.empty()) {
      text += line + "\n";
      if (line.empty() || line.back() != ';' || line.rfind("--", 0) == 0) continue;
      statements_[std::exchange(name, "")] = ForSchema(text.substr(0, text.size() - 2));
      text.clear();
    }
  }
}

std::string SqlStatements::ForSchema(std::string text) const {
  return absl::StrReplaceAll(text, {{"{schema}", schema_}});
}

}  // namespace millrace
