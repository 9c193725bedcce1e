#include "client/cli/command_tree.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace millrace::cli {
namespace {

CompletableOption ReadOption(const CLI::Option& option) {
  CompletableOption completable;
  for (const std::string& name : option.get_snames()) completable.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) completable.names.push_back("--" + name);
  completable.description = option.get_description();
  completable.takes_value = option.get_items_expected_max() > 0;
  completable.choices = ChoicesOf(option);
  return completable;
}

void ReadCommand(const CLI::App& app, const std::string& path,
                 std::vector<CompletableCommand>& commands) {
  CompletableCommand command;
  command.path = path;
  command.name = app.get_name();
  command.description = app.get_description();
  for (const CLI::Option* option : app.get_options()) {
    if (option->nonpositional()) {
      command.options.push_back(ReadOption(*option));
    } else if (command.argument_choices.empty()) {
      command.argument_choices = ChoicesOf(*option);
    }
  }
  const std::vector<const CLI::App*> subcommands =
      app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* subcommand : subcommands) {
    command.subcommands.push_back(subcommand->get_name());
  }
  commands.push_back(std::move(command));
  for (const CLI::App* subcommand : subcommands) {
    ReadCommand(*subcommand, absl::StrCat(path, path.empty() ? "" : " ", subcommand->get_name()),
                commands);
  }
}

}  // namespace

// The parser keeps the choices of an option in the words "{a,b}" of its type.
std::vector<std::string> ChoicesOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t begin = type.find('{');
  const size_t end = type.rfind('}');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  return absl::StrSplit(type.substr(begin + 1, end - begin - 1), ',');
}

std::vector<CompletableCommand> ReadCommandTree(const CLI::App& root) {
  std::vector<CompletableCommand> commands;
  ReadCommand(root, "", commands);
  return commands;
}

}  // namespace millrace::cli
