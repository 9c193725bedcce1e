#pragma once

#include <optional>
#include <string>

namespace millrace {

// The text of one member of a JSON object, without white space, with every number as it is
// written there: 19.90 stays 19.90, and a number of thirty digits keeps them, where a parser into
// doubles would change both. Nothing if `object` is not a JSON object or has no such member.
// Thread-safe.
std::optional<std::string> ExactJsonMember(const std::string& object, const std::string& member);

}  // namespace millrace
