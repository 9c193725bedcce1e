#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/library/client_options.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace millrace::client {

// A connection to one server, which is made at the first call, and made again whenever it was lost.
// Owned by the program; outlives the clients and subscriptions that use it. Thread-safe.
class Connection {
 public:
  // INVALID_ARGUMENT names every option that is wrong. Does no I/O.
  static absl::StatusOr<std::unique_ptr<Connection>> Create(ClientOptions options);

  // With the port filled in.
  const ClientOptions& options() const { return options_; }

  // Whether the server could be reached when last tried: after a call that failed with UNAVAILABLE
  // it tells a server that said so from one that is not there.
  bool connected() const;

  // For the clients of this library.
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  Connection(ClientOptions options, std::shared_ptr<grpc::Channel> channel);

  // Constant after construction. gRPC shares the channel with its stubs.
  const ClientOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace millrace::client
