#include "server/app/server_options.h"

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/app/server_databases.h"
#include "server/model/job_spec.h"
#include "server/rpc/listen_address.h"
#include "server/store/postgres/sql_statements.h"

namespace millrace {
namespace {

using Faults = std::vector<std::string>;

constexpr size_t kMiB = 1024 * 1024;

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

void CheckMetricsAddress(const std::string& address, Faults& faults) {
  if (address.empty()) return;
  if (!IsUnixAddress(address) && CheckAddressForm(address).ok()) return;
  faults.push_back(absl::StrCat("metrics-listen: \"", address,
                                "\" is not host:port, such as 127.0.0.1:9464, nor off"));
}

void CheckListening(const ServerOptions& options, Faults& faults) {
  AddFault(options.rpc.Validate(), faults);
  CheckMetricsAddress(options.metrics_listen, faults);
  std::vector<std::string> addresses = options.rpc.listen_addresses;
  for (const std::string& address : addresses) {
    if (options.allow_plaintext || ReachedFromThisMachineOnly(address)) continue;
    if (!CheckAddressForm(address).ok()) continue;
    faults.push_back(absl::StrCat("listen: ", address,
                                  " can be reached from other machines, and nothing is encrypted; "
                                  "listen on 127.0.0.1, or say --allow-plaintext"));
  }
  addresses.push_back(options.metrics_listen);
  std::sort(addresses.begin(), addresses.end());
  for (size_t i = 1; i < addresses.size(); ++i) {
    // Port 0 is another one each time.
    if (addresses[i] != addresses[i - 1] || absl::EndsWith(addresses[i], ":0")) continue;
    if (!addresses[i].empty())
      faults.push_back(absl::StrCat("listen: ", addresses[i], " is given twice"));
  }
}

template <typename Integer>
void CheckRange(const char* name, Integer value, Integer low, Integer high, Faults& faults) {
  if (value >= low && value <= high) return;
  faults.push_back(absl::StrCat(name, ": must be ", low, " to ", high, ", got ", value));
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
  AddFault(SqlStatements::CheckSchemaName(options.schema), faults);
  if (options.database_url.empty() && options.data_dir.empty()) {
    faults.emplace_back(
        "data-dir: there is no home directory to put a database in; name a folder, or a database "
        "with --database-url");
  }
  CheckRange("max-connections", options.max_connections, ServerDatabases::kPoolConnections + 1,
             1000, faults);
  CheckRange("task-connections", options.task_connections, 1, 1000, faults);
  CheckListening(options, faults);
  if (!options.pool_name.empty()) AddFault(ValidateName(options.pool_name, "pool-name"), faults);
  AddFault(options.pool.Validate(), faults);
  CheckRange<size_t>("payload-limit-bytes", options.rpc.limits.payload_bytes, 1024, 64 * kMiB,
                     faults);
  CheckRange("max-attempts", options.rpc.default_max_attempts, 1, JobLimits::kMaxAttempts, faults);
  CheckRange<size_t>("event-buffer-events", options.events.ring_events, 1000, 100'000'000, faults);
  CheckRange<size_t>("event-buffer-bytes", options.events.ring_bytes, kMiB, 65'536 * kMiB, faults);
  CheckChoice<6>("log-level", options.log_level, {"trace", "debug", "info", "warn", "error", "off"},
                 faults);
  CheckChoice<2>("log-format", options.log_format, {"text", "json"}, faults);
  return faults;
}

}  // namespace millrace
