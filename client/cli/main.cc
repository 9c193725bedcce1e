#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "client/cli/command_line.h"
#include "client/cli/console.h"
#include "server/base/clock.h"

int main(int argc, char** argv) {
  // Who reads our output may stop reading: then end quietly, also where a parent ignores this.
  std::signal(SIGPIPE, SIG_DFL);
  // Errors are told in one line of our own, unless somebody wants to see the library's.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  std::ios::sync_with_stdio(false);
  millrace::cli::Console console = millrace::cli::StandardConsole();
  millrace::SystemClock clock;
  const int code = millrace::cli::RunCommandLine(std::vector<std::string>(argv + 1, argv + argc),
                                                 console, clock);
  // A shell that runs a script stops it if its command was ended by the signal itself.
  if (code == 128 + SIGINT || code == 128 + SIGTERM) std::raise(code - 128);
  return code;
}
