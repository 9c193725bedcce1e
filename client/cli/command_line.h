#pragma once

#include <string>
#include <vector>

#include "client/cli/console.h"
#include "server/base/clock.h"

namespace millrace::cli {

// The command `millrace` with these arguments, without the program's name: parses them, runs the
// subcommand, and returns the exit code. What goes wrong is one line on console.err. 128 plus the
// signal if the subcommand was interrupted and ended in order.
int RunCommandLine(const std::vector<std::string>& arguments, Console& console, Clock& clock);

}  // namespace millrace::cli
