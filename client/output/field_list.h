#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/output/style.h"

namespace millrace::cli {

// What is known of one thing, for people: a line for each field, with the values aligned. Makes
// what it is given visible. Owned by its user. Used from one thread: that of its user.
class FieldList {
 public:
  explicit FieldList(bool colored) : colored_(colored) {}

  void Add(std::string_view name, std::string_view value, Style style = Style::kPlain);
  // Leaves the field out if the value is empty.
  void AddUnlessEmpty(std::string_view name, std::string_view value, Style style = Style::kPlain);
  void Write(std::ostream& out) const;

 private:
  const bool colored_;
  // Name and styled value.
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace millrace::cli
