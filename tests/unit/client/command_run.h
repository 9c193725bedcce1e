#pragma once

#include <string>
#include <vector>

namespace millrace::cli {

// What a run of the command has left behind. A plain value.
struct CommandRun {
  int code = 0;
  std::string out;
  std::string err;
};

// How the terminal looks to the command.
struct TerminalLook {
  size_t width = 0;
  bool colors = false;
  bool err_is_terminal = false;
};

// Runs `millrace` with these arguments in this process, with `input` as its standard input. Its
// clock stands at 2024-07-03T09:46:40Z.
CommandRun RunCommand(const std::vector<std::string>& arguments, const std::string& input = "",
                      TerminalLook look = {});

}  // namespace millrace::cli
