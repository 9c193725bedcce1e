#pragma once

#include <memory>
#include <string>

#include "grpcpp/channel.h"
#include "grpcpp/support/status.h"

namespace millrace {

// What a call of the method with this one request, sent as it is, is answered with: the bytes of
// the last message, or of none.
struct RawAnswer {
  grpc::Status status;
  std::string message;
};
RawAnswer CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                  const std::string& request);

}  // namespace millrace
