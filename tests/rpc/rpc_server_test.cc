#include "server/rpc/rpc_server.h"

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "tests/rpc/events_reader.h"
#include "tests/rpc/raw_call.h"
#include "tests/rpc/rpc_fixture.h"

namespace millrace {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;

class RpcServerTest : public RpcFixture {
 protected:
  RpcServerTest() {
    std::string pattern = testing::TempDir() + "rpc-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~RpcServerTest() override { std::filesystem::remove_all(folder_); }

  RpcServer::Backends Backends() {
    return {pool_, store_, store_, emitter_, clock_, metrics_, commands_, fleet_};
  }

  std::unique_ptr<RpcServer> NewServer(std::vector<std::string> addresses) {
    RpcServerOptions options;
    options.listen_addresses = std::move(addresses);
    return std::make_unique<RpcServer>(options, Backends());
  }

  static std::string WorkerIdFrom(const std::string& address) {
    const auto stub =
        v1::WorkerPool::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
    v1::WorkerIdResponse response;
    const grpc::Status status = stub->WorkerId(NewContext().get(), {}, &response);
    return status.ok() ? response.worker_id() : ToText(status);
  }

  std::string folder_;
};

TEST_F(RpcServerTest, TheChosenPortIsReported) {
  const auto server = NewServer({"127.0.0.1:0"});
  ASSERT_TRUE(server->Start().ok());
  ASSERT_EQ(server->addresses().size(), 1u);
  EXPECT_THAT(server->addresses()[0], MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"));
  EXPECT_EQ(WorkerIdFrom(server->addresses()[0]), "worker-1");
}

TEST_F(RpcServerTest, AUnixSocketAndAPortMayBeListenedOnTogether) {
  const std::string socket = "unix:" + folder_ + "/s";
  const auto server = NewServer({socket, "127.0.0.1:0"});
  ASSERT_TRUE(server->Start().ok());
  EXPECT_EQ(server->addresses()[0], socket);
  for (const std::string& address : server->addresses()) {
    EXPECT_EQ(WorkerIdFrom(address), "worker-1");
  }
}

TEST_F(RpcServerTest, APortInUseIsAnErrorAndTheFirstServerGoesOn) {
  const auto first = NewServer({"127.0.0.1:0"});
  ASSERT_TRUE(first->Start().ok());
  const std::string address = first->addresses()[0];
  const auto second = NewServer({"127.0.0.1:0", address});
  const absl::Status started = second->Start();
  EXPECT_EQ(started.ToString(), "UNAVAILABLE: cannot listen on " + address +
                                    ": address already in use; choose another with --listen");
  EXPECT_EQ(WorkerIdFrom(address), "worker-1");
}

TEST_F(RpcServerTest, ASocketInUseIsAnErrorAndTheFirstServerGoesOn) {
  const std::string address = "unix:" + folder_ + "/s";
  const auto first = NewServer({address});
  ASSERT_TRUE(first->Start().ok());
  EXPECT_EQ(NewServer({address})->Start().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(WorkerIdFrom(address), "worker-1");
}

TEST_F(RpcServerTest, AnAddressIsFreeAgainAfterShutdown) {
  const std::string socket = "unix:" + folder_ + "/s";
  const auto first = NewServer({"127.0.0.1:0", socket});
  ASSERT_TRUE(first->Start().ok());
  const std::vector<std::string> addresses = first->addresses();
  first->Shutdown(absl::ZeroDuration());
  const auto second = NewServer(addresses);
  EXPECT_EQ(second->Start(), absl::OkStatus());
}

TEST_F(RpcServerTest, ReflectionShowsTheServices) {
  // A ServerReflectionRequest whose field 7, list_services, is "*".
  const RawAnswer answer = CallRaw(
      Channel(), "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "\x3A\x01*");
  EXPECT_EQ(ToText(answer.status), "OK");
  EXPECT_THAT(answer.message,
              AllOf(HasSubstr("millrace.v1.WorkerPool"), HasSubstr("millrace.v1.JobQueue"),
                    HasSubstr("grpc.health.v1.Health")));
}

TEST_F(RpcServerTest, ARequestBeyondTheMessageLimitIsRefusedAndTheServerGoesOn) {
  RpcServerOptions options;
  options.max_message_bytes = 64 * 1024;
  StartServer(options);
  v1::AddJobRequest request;
  request.mutable_job()->set_task_identifier(std::string(100'000, 't'));
  v1::AddJobResponse response;
  EXPECT_EQ(jobs().AddJob(NewContext().get(), request, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(WorkerIdFrom(server_->addresses()[0]), "worker-1");
}

TEST_F(RpcServerTest, ShutdownWaitsForCallsInHand) {
  StartServer();
  store_.HoldAdds();
  grpc::Status status;
  std::thread adding([&] {
    v1::AddJobRequest request;
    request.mutable_job()->set_task_identifier("t");
    v1::AddJobResponse response;
    status = jobs().AddJob(NewContext().get(), request, &response);
  });
  store_.AwaitHeldAdds(1);
  EventsReader events(pool_stub(), {});
  EXPECT_TRUE(events.Next().has_bookmark());
  std::thread shutting_down([&] { server_->Shutdown(absl::Minutes(1)); });
  // The streams end once the shutdown has begun.
  EXPECT_EQ(events.Finish(), "UNAVAILABLE: server is shutting down");
  store_.ReleaseAdds();
  adding.join();
  shutting_down.join();
  EXPECT_EQ(ToText(status), "OK");
}

TEST_F(RpcServerTest, ShutdownBeforeStartAndTwiceIsFine) {
  const auto server = NewServer({"127.0.0.1:0"});
  server->Shutdown(absl::ZeroDuration());
  server->Shutdown(absl::ZeroDuration());
  EXPECT_EQ(server->Start().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RpcServerTest, TheOptionsNameEveryFaultAtOnce) {
  RpcServerOptions options;
  options.listen_addresses = {};
  options.max_job_calls = 0;
  options.max_message_bytes = 1;
  options.max_event_streams = 0;
  EXPECT_THAT(
      std::string(options.Validate().message()),
      AllOf(HasSubstr("listen: at least one"), HasSubstr("max-job-calls: must be 1 to 1000"),
            HasSubstr("max-message-bytes: "), HasSubstr("max-event-streams: ")));
  options.listen_addresses = {"127.0.0.1:0", "unix:"};
  EXPECT_THAT(std::string(options.Validate().message()),
              HasSubstr("listen: \"unix:\" is not an address"));
  EXPECT_EQ(RpcServerOptions().Validate(), absl::OkStatus());
}

}  // namespace
}  // namespace millrace
