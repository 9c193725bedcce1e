#pragma once

#include <string>
#include <vector>

#include "client/cli/command_tree.h"

namespace millrace::cli {

// Scripts that complete the command line of `program`, whose commands these are, root first.
std::string BashCompletion(const std::string& program,
                           const std::vector<CompletableCommand>& commands);
std::string ZshCompletion(const std::string& program,
                          const std::vector<CompletableCommand>& commands);
std::string FishCompletion(const std::string& program,
                           const std::vector<CompletableCommand>& commands);

}  // namespace millrace::cli
