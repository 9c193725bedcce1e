#include <memory>
#include <string>
#include <vector>

#include "client/cli/command_tree.h"
#include "client/cli/commands.h"
#include "client/cli/completion_scripts.h"
#include "client/cli/options.h"

namespace millrace::cli {
namespace {

std::string Script(const std::string& shell, const CLI::App& root) {
  const std::vector<CompletableCommand> commands = ReadCommandTree(root);
  if (shell == "bash") return BashCompletion("millrace", commands);
  if (shell == "zsh") return ZshCompletion("millrace", commands);
  return FishCompletion("millrace", commands);
}

}  // namespace

void AddCompletionCommand(CLI::App& root, Session& session) {
  CLI::App* const command =
      root.add_subcommand("completion", "Print a script that completes this command in a shell");
  const auto shell = std::make_shared<std::string>();
  AddChoiceOption(*command, "SHELL", *shell, {"bash", "zsh", "fish"}, "The shell")->required();
  command->footer("Example: source <(millrace completion bash)");
  command->callback([&root, &session, shell] {
    session.set_action([&root, shell](Session& running) {
      running.out() << Script(*shell, root);
      return absl::OkStatus();
    });
  });
}

}  // namespace millrace::cli
