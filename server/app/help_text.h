#pragma once

#include <string>
#include <vector>

#include "server/app/option_table.h"

namespace millrace {

// What --help prints: each option under its heading with its meaning, default and environment
// variable, then signals and exit codes.
std::string HelpText(const std::vector<OptionInfo>& options);

}  // namespace millrace
