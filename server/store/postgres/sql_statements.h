#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace {

// A migration: its number, its name, and its text for one schema.
struct SqlMigration {
  int version = 0;
  std::string name;
  std::string text;
};

// The SQL that is embedded in the binary (server/store/sql), made out for one schema: the one place
// where a run-time string becomes part of SQL, unquoted, and it is checked to be a plain lower-case
// name that needs no quotes.
// Never changed after construction. Thread-safe.
class SqlStatements {
 public:
  // INVALID_ARGUMENT unless `schema` is 1 to 40 of a-z, 0-9 and _, not beginning with a digit, and
  // not with "pg_", and no reserved word.
  static absl::StatusOr<SqlStatements> Create(const std::string& schema);

  // The rule of Create: Ok, or INVALID_ARGUMENT "schema: ...".
  static absl::Status CheckSchemaName(const std::string& name);

  const std::string& schema() const { return schema_; }
  // The channel on which adders notify.
  std::string added_channel() const { return schema_ + "_added"; }
  // The channel on which those notify who have cancelled jobs that pools hold.
  std::string cancelled_channel() const { return schema_ + "_cancelled"; }
  // The channel on which servers notify that they ask something of each other, or have answered.
  std::string fleet_channel() const { return schema_ + "_fleet"; }
  // The text of a named statement. REQUIRES: there is one of this name.
  const std::string& Text(const std::string& name) const { return statements_.at(name); }
  // All of them by name. "{rows}" in the text of ClaimJobs stands for the literal limit.
  const std::map<std::string, std::string>& All() const { return statements_; }
  // In rising order of versions, from 0 (the schema itself) without a hole.
  const std::vector<SqlMigration>& Migrations() const { return migrations_; }

 private:
  explicit SqlStatements(std::string schema);
  void AddQueries(const std::string& file);
  std::string ForSchema(std::string text) const;

  std::string schema_;
  std::map<std::string, std::string> statements_;
  std::vector<SqlMigration> migrations_;
};

}  // namespace millrace
