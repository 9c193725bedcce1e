#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "absl/time/time.h"

namespace millrace::cli {

// Options of kinds that the parser does not know. Each throws the parser's error for a bad value.

// Takes a duration of at least `least` and at most 24 h, such as 30s.
CLI::Option* AddDurationOption(CLI::App& command, const std::string& name, absl::Duration least,
                               std::function<void(absl::Duration)> set,
                               const std::string& description);

// A text that must not be empty if it is given, as when a variable of a script is not set.
CLI::Option* AddTextOption(CLI::App& command, const std::string& name, std::string& value,
                           const std::string& description);

// May be given several times, one value each, which is not empty.
CLI::Option* AddListOption(CLI::App& command, const std::string& name,
                           std::vector<std::string>& values, const std::string& description);

// One of `choices`.
CLI::Option* AddChoiceOption(CLI::App& command, const std::string& name, std::string& value,
                             const std::vector<std::string>& choices,
                             const std::string& description);

}  // namespace millrace::cli
