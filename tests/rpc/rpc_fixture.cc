#include "tests/rpc/rpc_fixture.h"

#include <chrono>

#include "absl/status/status.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace millrace {

RpcFixture::RpcFixture(EventEmitter::Options emitter_options)
    : emitter_("worker-1", clock_, metrics_, emitter_options) {}

void RpcFixture::StartServer(RpcServerOptions options) {
  options.listen_addresses = {"127.0.0.1:0"};
  server_ = std::make_unique<RpcServer>(
      options,
      RpcServer::Backends{pool_, store_, store_, emitter_, clock_, metrics_, commands_, fleet_});
  ASSERT_EQ(fleet_.Start(), absl::OkStatus());
  const absl::Status started = server_->Start();
  ASSERT_TRUE(started.ok()) << started;
}

std::shared_ptr<grpc::Channel> RpcFixture::NewChannel() {
  if (server_ == nullptr) StartServer();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxSendMessageSize(-1);
  return grpc::CreateCustomChannel(server_->addresses().front(), grpc::InsecureChannelCredentials(),
                                   arguments);
}

std::shared_ptr<grpc::Channel> RpcFixture::Channel() {
  if (channel_ == nullptr) channel_ = NewChannel();
  return channel_;
}

v1::JobQueue::Stub& RpcFixture::jobs() {
  MutexLock lock(stubs_mutex_);
  if (jobs_ == nullptr) jobs_ = v1::JobQueue::NewStub(Channel());
  return *jobs_;
}

v1::WorkerPool::Stub& RpcFixture::pool_stub() {
  MutexLock lock(stubs_mutex_);
  if (pool_stub_ == nullptr) pool_stub_ = v1::WorkerPool::NewStub(Channel());
  return *pool_stub_;
}

std::unique_ptr<grpc::ClientContext> NewContext() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
  return context;
}

std::string ToText(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message())
      .ToString();
}

}  // namespace millrace
