#pragma once

#include <string_view>

namespace millrace {

// Whether a lower-case word has a meaning of its own in PostgreSQL's SQL or PL/pgSQL, so that it is
// no name there unless it is quoted.
bool IsReservedWord(std::string_view word);

}  // namespace millrace
