#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"

namespace millrace::client {

// The same code, with the server's message.
absl::Status FromGrpc(const grpc::Status& status);

// Lets a call take so long, from now; for ever if infinite.
void SetTimeout(grpc::ClientContext& context, absl::Duration timeout);

// Makes one unary call: Call(*stub, &Stub::GetJob, request, &response, timeout).
template <typename Stub, typename Request, typename Response>
absl::Status Call(Stub& stub,
                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                  const Request& request, Response* response, absl::Duration timeout) {
  grpc::ClientContext context;
  SetTimeout(context, timeout);
  return FromGrpc((stub.*method)(&context, request, response));
}

}  // namespace millrace::client
