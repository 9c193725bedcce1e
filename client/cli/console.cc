#include "client/cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include "absl/strings/numbers.h"

namespace millrace::cli {
namespace {

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

size_t TerminalWidth() {
  int columns = 0;
  if (absl::SimpleAtoi(Environment("COLUMNS"), &columns) && columns > 0) {
    return static_cast<size_t>(columns);
  }
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace

Console StandardConsole() {
  Console console{std::cin, std::cout, std::cerr};
  console.out_is_terminal = isatty(STDOUT_FILENO) == 1;
  console.err_is_terminal = isatty(STDERR_FILENO) == 1;
  const std::string terminal = Environment("TERM");
  console.colors = console.out_is_terminal && Environment("NO_COLOR").empty() &&
                   !terminal.empty() && terminal != "dumb";
  if (console.out_is_terminal) console.width = TerminalWidth();
  return console;
}

}  // namespace millrace::cli
