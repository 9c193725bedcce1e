#include "server/app/server_options.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/model/job_spec.h"

namespace millrace {
namespace {

using Faults = std::vector<std::string>;

constexpr size_t kMaxSchemaName = 40;

bool IsSchemaName(const std::string& name) {
  if (name.empty() || name.size() > kMaxSchemaName || (name[0] >= '0' && name[0] <= '9')) {
    return false;
  }
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

void AddFault(const absl::Status& status, Faults& faults) {
  if (!status.ok()) faults.emplace_back(status.message());
}

// The host of host:port or [IPv6]:port.
std::string HostOf(const std::string& address) {
  std::string host = address.substr(0, address.rfind(':'));
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return host;
}

bool ReachedFromThisMachineOnly(const std::string& address) {
  if (absl::StartsWith(address, "unix:")) return true;
  const std::string host = HostOf(address);
  if (host == "localhost" || host == "::1") return true;
  // The whole of 127.0.0.0/8, but no name that merely begins so.
  const bool is_number = host.find_first_not_of("0123456789.") == std::string::npos;
  return is_number && absl::StartsWith(host, "127.");
}

void CheckListening(const ServerOptions& options, Faults& faults) {
  AddFault(options.rpc.Validate(), faults);
  for (const std::string& address : options.rpc.listen_addresses) {
    if (options.allow_plaintext || ReachedFromThisMachineOnly(address)) continue;
    faults.push_back(absl::StrCat("listen: ", address,
                                  " can be reached from other machines, and nothing is encrypted; "
                                  "listen on 127.0.0.1, or say --allow-plaintext"));
  }
  const std::string& metrics = options.metrics_listen;
  const size_t colon = metrics.rfind(':');
  int port = 0;
  if (!metrics.empty() &&
      (colon == std::string::npos || colon == 0 ||
       !absl::SimpleAtoi(metrics.substr(colon + 1), &port) || port < 0 || port > 65535)) {
    faults.push_back(absl::StrCat("metrics-listen: \"", metrics,
                                  "\" is not host:port, such as 127.0.0.1:9464, nor off"));
  }
}

template <size_t Count>
void CheckChoice(const char* name, const std::string& value,
                 const std::array<const char*, Count>& choices, Faults& faults) {
  std::string all;
  for (const char* choice : choices) {
    if (value == choice) return;
    absl::StrAppend(&all, all.empty() ? "" : ", ", choice);
  }
  faults.push_back(absl::StrCat(name, ": \"", value, "\" is none of ", all));
}

}  // namespace

std::vector<std::string> FindFaults(const ServerOptions& options) {
  Faults faults;
  if (!IsSchemaName(options.schema)) {
    faults.push_back(absl::StrCat("schema: \"", options.schema,
                                  "\" must be 1 to 40 lower-case letters, digits and underscores, "
                                  "and not begin with a digit"));
  }
  if (options.database_url.empty() && options.data_dir.empty()) {
    faults.emplace_back(
        "data-dir: there is no home directory to put a database in; name a folder, or a database "
        "with --database-url");
  }
  if (options.max_connections < 4 || options.max_connections > 1000) {
    faults.push_back(
        absl::StrCat("max-connections: must be 4 to 1000, got ", options.max_connections));
  }
  CheckListening(options, faults);
  if (!options.pool_name.empty()) AddFault(ValidateName(options.pool_name, "pool-name"), faults);
  AddFault(options.pool.Validate(), faults);
  if (options.rpc.limits.payload_bytes < 1024 ||
      options.rpc.limits.payload_bytes > 64 * 1024 * 1024) {
    faults.push_back(absl::StrCat("payload-limit-bytes: must be 1024 to 67108864, got ",
                                  options.rpc.limits.payload_bytes));
  }
  if (options.events.ring_events < 1000) {
    faults.push_back(absl::StrCat("event-buffer-events: must be at least 1000, got ",
                                  options.events.ring_events));
  }
  CheckChoice<6>("log-level", options.log_level, {"trace", "debug", "info", "warn", "error", "off"},
                 faults);
  CheckChoice<2>("log-format", options.log_format, {"text", "json"}, faults);
  return faults;
}

}  // namespace millrace
