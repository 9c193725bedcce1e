#pragma once

#include <string>
#include <vector>

#include "CLI/App.hpp"

namespace millrace::cli {

// An option as shell completion sees it. A plain value.
struct CompletableOption {
  // Such as "-f", "--follow".
  std::vector<std::string> names;
  std::string description;
  bool takes_value = false;
  // The values it takes, if they are known.
  std::vector<std::string> choices;
};

// A command as shell completion sees it. A plain value.
struct CompletableCommand {
  // From the root on, such as "jobs add"; empty for the root.
  std::string path;
  std::string name;
  std::string description;
  std::vector<CompletableOption> options;
  // The values its first argument takes, if they are known.
  std::vector<std::string> argument_choices;
  std::vector<std::string> subcommands;
};

// The values that an option takes, if they are known.
std::vector<std::string> ChoicesOf(const CLI::Option& option);

// All commands below `root`, and `root` first, as the parser knows them.
std::vector<CompletableCommand> ReadCommandTree(const CLI::App& root);

}  // namespace millrace::cli
