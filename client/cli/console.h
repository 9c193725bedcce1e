#pragma once

#include <cstddef>
#include <istream>
#include <ostream>

namespace millrace::cli {

// Where a command reads and writes. Borrows the streams. Used from one thread: the command's.
struct Console {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  // Whether the terminal and the environment allow colours.
  bool colors = false;
  // Columns of the terminal; 0: unlimited, as for files and pipes.
  size_t width = 0;
};

// That of this process: the standard streams, and what the terminal and the environment (TERM,
// NO_COLOR, COLUMNS) say of them.
Console StandardConsole();

}  // namespace millrace::cli
