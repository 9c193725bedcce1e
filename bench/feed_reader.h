#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/client_callback.h"
#include "server/base/mutex.h"

namespace millrace::bench {

// A subscriber of the event feed that counts events and does not look into them, so that what it
// costs is mostly the server's. Owned by its user, and destroyed after Wait.
class FeedReader final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // Reads from the first event of the incarnation on, until it has had `wanted`.
  FeedReader(const std::string& address, const std::string& incarnation, int64_t wanted);

  void Begin();
  // INTERNAL if the stream ended before.
  absl::Status Wait();

 private:
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  const int64_t wanted_;
  // A connection of its own, as subscribers have.
  const std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;

  // gRPC's thread's.
  grpc::ByteBuffer message_;
  int64_t events_ = 0;

  Mutex mutex_;
  CondVar changed_;
  bool complete_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace::bench
