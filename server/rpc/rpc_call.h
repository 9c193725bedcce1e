#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"
#include "server/store/call_limit.h"

namespace millrace {

// How long the caller of a call waits. It refers to the context: only for as long as the call.
CallLimit LimitOf(const grpc::ServerContextBase& context);

// What every handler begins with: it looks whether somebody still waits for the answer, keeps
// exceptions from taking the server down, and logs the call. A plain value; it does not refer to
// the context once it is made.
class RpcCall {
 public:
  // `method` is a literal such as "JobQueue/AddJob".
  RpcCall(const grpc::ServerContextBase& context, const char* method);

  const char* method() const { return method_; }

  // Calls `body` unless the caller has gone already, and returns its status as gRPC's. CANCELLED or
  // DEADLINE_EXCEEDED if the caller had gone, INTERNAL if `body` throws.
  grpc::Status Run(const std::function<absl::Status()>& body) const;

 private:
  absl::Status RunGuarded(const std::function<absl::Status()>& body) const;

  const char* method_;
  // Who calls, where calls are logged; empty otherwise.
  std::string peer_;
  absl::Status abandoned_;
};

}  // namespace millrace
