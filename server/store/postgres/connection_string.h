#pragma once

#include <string>

namespace millrace {

// `database_url`, a connection string or URI, with limits for what it says nothing of: how long
// connecting may take, and how soon a network that is dead is noticed. libpq knows none of its own
// and would wait for ever. What is given in the URL wins.
std::string WithConnectionLimits(const std::string& database_url);

}  // namespace millrace
