#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace {

struct ImportColumn {
  std::string name;
  // As SQL, one of a list of known types; empty if it was not given.
  std::string type;
};

// What an import_csv job is asked to do; its payload as a plain value.
struct ImportRequest {
  // Absolute paths; each is a step.
  std::vector<std::string> files;
  // Empty means the connection's current schema.
  std::string schema;
  std::string table;
  // In the order of the files' header; empty means all columns of the table in its order.
  std::vector<ImportColumn> columns;
  // Creates the table if it is not there.
  bool create_table = false;
  char delimiter = ',';
  std::string null_text;
  std::string encoding;
  // The name under which files count as loaded; empty means the job's own.
  std::string import_id;
};

// INVALID_ARGUMENT names every field at fault.
absl::StatusOr<ImportRequest> ReadImportRequest(const std::string& payload);

// Whether `type` is one that a payload may ask for: a plain SQL type, perhaps with its numbers in
// brackets, such as "numeric(12, 2)". It goes into a statement as it is.
bool IsAllowedColumnType(const std::string& type);

}  // namespace millrace
