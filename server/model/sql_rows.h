#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace {

// A value of a statement, as PostgreSQL writes it; nothing is NULL.
using SqlValue = std::optional<std::string>;

// What a statement brought. A plain value.
struct SqlRows {
  std::vector<std::string> columns;
  // Each with a value for every column.
  std::vector<std::vector<SqlValue>> rows;
  // How many rows it brought, or has changed.
  int64_t affected = 0;
};

}  // namespace millrace
