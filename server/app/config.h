#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/app/option_table.h"
#include "server/app/server_options.h"

namespace millrace {

// What the command line asks for. A plain value.
struct Config {
  ServerOptions options;
  // Set where the user asked only for help or the version: print it and leave.
  std::optional<std::string> text_to_print;
};

// Gives the value of an environment variable, or nothing if it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// Ok, or what is wrong with options, in one line.
using OptionsCheck = std::function<absl::Status(const ServerOptions& options)>;

// The environment of this process.
Environment ProcessEnvironment();

// Reads the settings: from the arguments (without the program's name), else the environment, else
// the configuration file, else the defaults. INVALID_ARGUMENT names every fault in one line; it
// never holds a connection string.
// `check` finds what else is wrong with the options; its faults are named with the others.
absl::StatusOr<Config> ReadConfig(const std::vector<std::string>& arguments,
                                  const Environment& environment, const std::string& version,
                                  const OptionsCheck& check);

// Overwrites connection strings among the arguments of this process, which all users of the machine
// can list. Call it after they were read.
void HideSecrets(int argc, char** argv);

// Every option of the server, as --help shows them.
std::vector<OptionInfo> ListOptions();

}  // namespace millrace
