#pragma once

#include <string>
#include <vector>

namespace millrace {

// What a handler reports when it did a part of its work. A plain value.
struct PartialSuccess {
  // Names of the steps that are done, in the order they were done.
  std::vector<std::string> completed_steps;
  std::vector<std::string> failed_steps;
  // The step at which the next attempt should go on; may be empty.
  std::string retry_from_step;
  // A JSON object with what the steps produced, as text; empty means {}.
  std::string results;

  bool operator==(const PartialSuccess&) const = default;
};

}  // namespace millrace
