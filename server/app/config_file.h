#pragma once

#include <string>
#include <vector>

namespace millrace {

// One setting of a configuration file. A plain value.
struct ConfigFileEntry {
  int line = 0;
  std::string name;
  std::string value;
};

// What a configuration file says: lines of the form `name = value` with the names of the command
// line options without their dashes. Blank lines, and lines that begin with #, are left out. A
// value may stand in double quotes, which are taken off. Lines of another form are named in
// `faults`.
std::vector<ConfigFileEntry> ParseConfigFile(const std::string& text,
                                             std::vector<std::string>& faults);

}  // namespace millrace
