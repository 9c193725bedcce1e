#pragma once

#include <string>
#include <vector>

namespace millrace {

// What a command has left when it has ended. A plain value.
struct CommandEnd {
  // Or minus the signal that ended it.
  int exit_code = 0;
  std::string out;
  std::string err;
};

// Runs the program in a process of its own, with these arguments and that on its standard input,
// and waits for its end.
CommandEnd RunToEnd(const std::string& program, const std::vector<std::string>& arguments,
                    const std::string& input = "");

}  // namespace millrace
