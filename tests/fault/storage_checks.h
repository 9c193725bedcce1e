#pragma once

#include <string>
#include <vector>

#include "tests/support/test_schema.h"

namespace millrace {

// What must hold in every single snapshot of a schema, whatever runs at the moment. Each check is a
// query that finds violations; it knows only the tables, not how the code changes them.
struct StorageCheck {
  std::string name;
  std::string query;
};
const std::vector<StorageCheck>& StorageChecks();

// Runs all checks in one snapshot. Returns what was violated, one line each; empty if all is well.
std::vector<std::string> FindViolations(PostgresDatabase& database);

}  // namespace millrace
