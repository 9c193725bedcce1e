#include "server/app/config_file.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace millrace {

std::vector<ConfigFileEntry> ParseConfigFile(const std::string& text,
                                             std::vector<std::string>& faults) {
  std::vector<ConfigFileEntry> entries;
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string line(absl::StripAsciiWhitespace(lines[i]));
    if (line.empty() || line[0] == '#') continue;
    const size_t equals = line.find('=');
    ConfigFileEntry entry;
    entry.line = static_cast<int>(i + 1);
    entry.name = std::string(absl::StripAsciiWhitespace(line.substr(0, equals)));
    if (equals == std::string::npos || entry.name.empty()) {
      faults.push_back(
          absl::StrCat("config: line ", entry.line, " is not of the form name = value"));
      continue;
    }
    entry.value = std::string(absl::StripAsciiWhitespace(line.substr(equals + 1)));
    const std::string& value = entry.value;
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      entry.value = value.substr(1, value.size() - 2);
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace millrace
