#pragma once

#include <map>
#include <string>
#include <vector>

#include "server/app/option_table.h"

namespace millrace {

// What stands on a command line. A plain value.
struct CommandLine {
  bool wants_help = false;
  bool wants_version = false;
  // By the name of the option; where it may be given several times, all values with commas.
  std::map<std::string, std::string> values;
  // All that is wrong, each fault without a line break and without what may be a secret.
  std::vector<std::string> faults;
};

// Reads the arguments, without the program's name.
CommandLine ReadCommandLine(const std::vector<std::string>& arguments,
                            const std::vector<OptionInfo>& options);

}  // namespace millrace
