#include "server/rpc/rpc_call.h"

#include <chrono>
#include <exception>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "server/base/logging.h"
#include "server/rpc/grpc_status.h"

namespace millrace {
namespace {

// Deadlines of calls are moments of the machine's clock, whatever clock the server is given.
absl::Status WhetherAbandoned(const grpc::ServerContextBase& context) {
  if (context.deadline() < std::chrono::system_clock::now()) {
    return absl::DeadlineExceededError("the deadline of the call had passed when it came");
  }
  if (context.IsCancelled()) return absl::CancelledError("the caller has gone");
  return absl::OkStatus();
}

}  // namespace

RpcCall::RpcCall(const grpc::ServerContextBase& context, const char* method)
    : method_(method), abandoned_(WhetherAbandoned(context)) {
  if (spdlog::should_log(spdlog::level::debug)) peer_ = context.peer();
}

grpc::Status RpcCall::Run(const std::function<absl::Status()>& body) const {
  const absl::Status status = RunGuarded(body);
  if (status.code() == absl::StatusCode::kInternal) {
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
