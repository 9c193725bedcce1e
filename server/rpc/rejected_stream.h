#pragma once

#include "grpcpp/support/server_callback.h"

namespace millrace {

// The stream of a call that is refused at once. Owns itself until gRPC is done with it.
template <typename Response>
class RejectedStream final : public grpc::ServerWriteReactor<Response> {
 public:
  explicit RejectedStream(const grpc::Status& status) { this->Finish(status); }

 private:
  void OnDone() override { delete this; }
};

}  // namespace millrace
