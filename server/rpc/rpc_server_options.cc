#include "server/rpc/rpc_server_options.h"

#include "absl/strings/str_join.h"

namespace millrace {

absl::Status RpcServerOptions::Validate() const {
  std::vector<std::string> faults;
  if (listen_addresses.empty()) faults.push_back("at least one address to listen on is needed");
  for (const std::string& address : listen_addresses) {
    if (address.empty()) faults.push_back("an address to listen on must not be empty");
  }
  if (max_job_calls < 1 || max_job_calls > 1000)
    faults.push_back("max_job_calls must be 1 to 1000");
  if (max_message_bytes < 64 * 1024 || max_message_bytes > 1024 * 1024 * 1024) {
    faults.push_back("max_message_bytes must be 64 KiB to 1 GiB");
  }
  if (max_event_streams < 1 || max_event_streams > 100'000) {
    faults.push_back("max_event_streams must be 1 to 100,000");
  }
  if (faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(faults, "; "));
}

}  // namespace millrace
