#include "server/rpc/rpc_call.h"

#include <chrono>
#include <exception>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "server/base/logging.h"
#include "server/rpc/grpc_status.h"

namespace millrace {

// Deadlines of calls are moments of the machine's clock, whatever clock the server is given.
CallLimit LimitOf(const grpc::ServerContextBase& context) {
  const std::chrono::system_clock::time_point deadline = context.deadline();
  absl::Duration time_left = absl::InfiniteDuration();
  if (deadline != std::chrono::system_clock::time_point::max()) {
    time_left = absl::FromChrono(deadline - std::chrono::system_clock::now());
  }
  return CallLimit(time_left, [&context] { return context.IsCancelled(); });
}

RpcCall::RpcCall(const grpc::ServerContextBase& context, const char* method)
    : method_(method), abandoned_(LimitOf(context).Check()) {
  if (spdlog::should_log(spdlog::level::debug)) peer_ = context.peer();
}

grpc::Status RpcCall::Run(const std::function<absl::Status()>& body) const {
  const absl::Status status = RunGuarded(body);
  // Either is a fault of this server; PERMISSION_DENIED is its own role's in the database.
  if (absl::IsInternal(status) || absl::IsPermissionDenied(status)) {
    spdlog::error("{} failed: {}", method_, std::string(status.message()));
  } else if (!peer_.empty()) {
    spdlog::debug("{} from {}: {}", method_, peer_, status.ToString());
  }
  return ToGrpcStatus(status);
}

absl::Status RpcCall::RunGuarded(const std::function<absl::Status()>& body) const {
  if (!abandoned_.ok()) return abandoned_;
  try {
    return body();
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("unexpected exception: ", error.what()));
  } catch (...) {
    return absl::InternalError("unexpected exception");
  }
}

}  // namespace millrace
