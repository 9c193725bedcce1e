#pragma once

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace millrace {

// The only place where a status becomes gRPC's. The codes are the same; a long message is cut,
// since it travels in a header whose size is limited.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace millrace
