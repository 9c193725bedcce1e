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

// Whether a call is made again. Used from one thread: that of the call.
class Repetition {
 public:
  Repetition(absl::Duration timeout, int attempts);

  absl::Duration time_left() const;
  // False, at once, if the call has succeeded, was refused, or was made often or long enough.
  bool PauseAfter(const absl::Status& status);

 private:
  const absl::Duration deadline_;
  int attempts_left_;
  absl::Duration pause_ = absl::Milliseconds(100);
};

// Makes one unary call: Call(*stub, &Stub::GetJob, request, &response, timeout).
template <typename Stub, typename Request, typename Response>
absl::Status Call(Stub& stub,
                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                  const Request& request, Response* response, absl::Duration timeout) {
  grpc::ClientContext context;
  SetTimeout(context, timeout);
  return FromGrpc((stub.*method)(&context, request, response));
}

// Whether a server may have broken the call off since it ends, as gRPC says it, or could not be
// reached. CANCELLED does so only where the caller has not cancelled it.
bool MayBeTriedAgain(const absl::Status& status);

// Makes one unary call that changes something, and makes it again while MayBeTriedAgain: at most
// `attempts` times, with rising pauses, all within `timeout`. Each time it is the same request.
// REQUIRES: the request has a request_id.
template <typename Stub, typename Request, typename Response>
absl::Status CallUntilDone(
    Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
    const Request& request, Response* response, absl::Duration timeout, int attempts) {
  Repetition repetition(timeout, attempts);
  absl::Status status;
  do {
    status = Call(stub, method, request, response, repetition.time_left());
  } while (repetition.PauseAfter(status));
  return status;
}

}  // namespace millrace::client
