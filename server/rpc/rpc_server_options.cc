#include "server/rpc/rpc_server_options.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/rpc/listen_address.h"

namespace millrace {

absl::Status RpcServerOptions::Validate() const {
  std::vector<std::string> faults;
  const auto check_range = [&faults](const char* name, size_t value, size_t low, size_t high) {
    if (value >= low && value <= high) return;
    faults.push_back(absl::StrCat(name, ": must be ", low, " to ", high, ", got ", value));
  };
  if (listen_addresses.empty()) faults.emplace_back("listen: at least one address is needed");
  for (const std::string& address : listen_addresses) {
    const absl::Status form = CheckAddressForm(address);
    if (!form.ok()) faults.push_back(absl::StrCat("listen: ", std::string(form.message())));
  }
  if (max_job_calls < 1 || max_job_calls > 1000) {
    faults.push_back(absl::StrCat("max-job-calls: must be 1 to 1000, got ", max_job_calls));
  }
  if (lock_timeout < absl::Seconds(1) || lock_timeout > absl::Hours(24 * 365)) {
    faults.push_back(absl::StrCat("lock-timeout-ms: must be 1000 to 31536000000 (a year), got ",
                                  absl::ToInt64Milliseconds(lock_timeout)));
  }
  check_range("max-message-bytes", max_message_bytes, 64 * 1024, 1024 * 1024 * 1024);
  check_range("max-event-streams", max_event_streams, 1, 100'000);
  if (faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(faults, "; "));
}

}  // namespace millrace
