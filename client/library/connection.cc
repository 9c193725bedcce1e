#include "client/library/connection.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace millrace::client {
namespace {

constexpr char kDefaultPort[] = ":50051";

// The port is left out of names ("localhost"), IPv4 addresses and bracketed IPv6 addresses.
std::string WithPort(const std::string& address) {
  if (absl::StrContains(address, '/') || absl::StartsWith(address, "unix:")) return address;
  const size_t host_end = address.rfind(']') == std::string::npos ? 0 : address.rfind(']');
  const bool has_port = address.find(':', host_end) != std::string::npos;
  return has_port ? address : address + kDefaultPort;
}

absl::Status Validate(const ClientOptions& options) {
  std::vector<std::string> faults;
  if (options.address.empty()) faults.emplace_back("address must not be empty");
  if (options.deadline <= absl::ZeroDuration()) faults.emplace_back("deadline must be positive");
  if (options.stop_deadline.has_value() && *options.stop_deadline <= absl::ZeroDuration()) {
    faults.emplace_back("stop_deadline must be positive");
  }
  if (options.read_attempts < 1 || options.read_attempts > 5) {
    faults.push_back(absl::StrCat("read_attempts must be 1 to 5, got ", options.read_attempts));
  }
  if (options.change_attempts < 1 || options.change_attempts > 5) {
    faults.push_back(absl::StrCat("change_attempts must be 1 to 5, got ", options.change_attempts));
  }
  if (faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(faults, "; "));
}

// gRPC repeats the calls named here by itself.
std::string RetryConfig(int attempts) {
  return absl::StrCat(R"({"methodConfig":[{"name":[)"
                      R"({"service":"millrace.v1.JobQueue","method":"GetJob"},)"
                      R"({"service":"millrace.v1.JobQueue","method":"ListJobs"},)"
                      R"({"service":"millrace.v1.WorkerPool","method":"Stats"},)"
                      R"({"service":"millrace.v1.WorkerPool","method":"WorkerId"}],)"
                      R"("retryPolicy":{"maxAttempts":)",
                      attempts,
                      R"(,"initialBackoff":"0.1s","maxBackoff":"1s","backoffMultiplier":2,)"
                      R"("retryableStatusCodes":["UNAVAILABLE"]}}]})");
}

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

grpc::ChannelArguments Arguments(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  // A page of large jobs is larger than the default of 4 MiB.
  arguments.SetMaxReceiveMessageSize(-1);
  // How long one attempt to connect may take: short enough that a host that swallows packets
  // counts as not reachable before the call's own deadline.
  const absl::Duration connect = std::min(options.deadline / 2, absl::Seconds(10));
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, std::max(1, Milliseconds(connect)));
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  // A server of one's own is not looked for behind a proxy for the web.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Connections of one process are not shared, so that connected() speaks of this one.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (options.read_attempts > 1) {
    arguments.SetServiceConfigJSON(RetryConfig(options.read_attempts));
  }
  return arguments;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Create(ClientOptions options) {
  if (absl::Status valid = Validate(options); !valid.ok()) return valid;
  options.address = WithPort(options.address);
  std::shared_ptr<grpc::Channel> channel = grpc::CreateCustomChannel(
      options.address, grpc::InsecureChannelCredentials(), Arguments(options));
  return std::unique_ptr<Connection>(new Connection(std::move(options), std::move(channel)));
}

Connection::Connection(ClientOptions options, std::shared_ptr<grpc::Channel> channel)
    : options_(std::move(options)), channel_(std::move(channel)) {}

bool Connection::connected() const {
  return channel_->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_READY;
}

}  // namespace millrace::client
