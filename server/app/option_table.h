#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/app/server_options.h"

namespace millrace {

// One setting as people see it. A plain value.
struct OptionInfo {
  // The heading under which --help shows it.
  std::string group;
  // Without dashes, such as "poll-interval-ms"; also its name in a configuration file.
  std::string name;
  // What stands for the value in --help, such as "N"; empty for a flag.
  std::string value_name;
  // Such as "MILLRACE_POLL_INTERVAL_MS".
  std::string environment;
  // As text; empty for none.
  std::string default_text;
  std::string help;
  // A flag that has a counterpart --no-<name>.
  bool has_negation = false;
  // May be given several times on the command line.
  bool is_list = false;
};

// A setting with the way to set it from text.
struct ServerOption {
  OptionInfo info;
  // INVALID_ARGUMENT says what is expected, without name and value.
  std::function<absl::Status(const std::string& value)> set;
};

// Every setting of a server, each bound to its field of `options`, which must outlive the table and
// holds the defaults when this is called. Only database-url-file and config are left to the caller.
std::vector<ServerOption> MakeOptionTable(ServerOptions& options);

}  // namespace millrace
