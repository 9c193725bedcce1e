#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace::cli {

// A member of a JSON object, with its value as it was written: numbers lose no digit. A plain
// value; borrows the text.
struct JsonMember {
  std::string name;
  std::string_view value;
};

// The members of the JSON object in `text`. What their values hold is not looked at closer than
// needed to find their ends. INVALID_ARGUMENT if it is no object or a name comes twice.
absl::StatusOr<std::vector<JsonMember>> SplitJsonObject(std::string_view text);

}  // namespace millrace::cli
