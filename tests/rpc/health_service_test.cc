#include <memory>
#include <string>

#include "grpc/health/v1/health.grpc.pb.h"
#include "gtest/gtest.h"
#include "tests/rpc/rpc_fixture.h"

namespace millrace {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

class HealthServiceTest : public RpcFixture {
 protected:
  std::string Check(const std::string& service) {
    HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    const grpc::Status status = stub_->Check(NewContext().get(), request, &response);
    if (!status.ok()) return ToText(status);
    return HealthCheckResponse::ServingStatus_Name(response.status());
  }

  std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> Watch(const std::string& service) {
    HealthCheckRequest request;
    request.set_service(service);
    return stub_->Watch(context_.get(), request);
  }

  static std::string Next(grpc::ClientReader<HealthCheckResponse>& watch) {
    HealthCheckResponse response;
    if (!watch.Read(&response)) return ToText(watch.Finish());
    return HealthCheckResponse::ServingStatus_Name(response.status());
  }

  std::unique_ptr<grpc::ClientContext> context_ = NewContext();
  std::unique_ptr<Health::Stub> stub_ = Health::NewStub(Channel());
};

TEST_F(HealthServiceTest, NothingServesUntilSomebodySaysSo) {
  EXPECT_EQ(Check(""), "NOT_SERVING");
  EXPECT_EQ(Check("millrace.v1.WorkerPool"), "NOT_SERVING");
  EXPECT_EQ(Check("millrace.v1.JobQueue"), "NOT_SERVING");
}

TEST_F(HealthServiceTest, EachServiceHasItsOwnStatus) {
  server_->SetServing(kServerHealth, true);
  server_->SetServing(kJobQueueHealth, true);
  EXPECT_EQ(Check(""), "SERVING");
  EXPECT_EQ(Check("millrace.v1.WorkerPool"), "NOT_SERVING");
  EXPECT_EQ(Check("millrace.v1.JobQueue"), "SERVING");
}

TEST_F(HealthServiceTest, AServiceThatIsNotKnownIsNotFound) {
  EXPECT_EQ(Check("nobody"), "NOT_FOUND: service: the server knows none of this name");
}

TEST_F(HealthServiceTest, AWatchHearsOfEachChange) {
  const auto watch = Watch("millrace.v1.WorkerPool");
  EXPECT_EQ(Next(*watch), "NOT_SERVING");
  server_->SetServing(kWorkerPoolHealth, true);
  EXPECT_EQ(Next(*watch), "SERVING");
  server_->SetServing(kWorkerPoolHealth, true);
  server_->SetServing(kWorkerPoolHealth, false);
  EXPECT_EQ(Next(*watch), "NOT_SERVING");
}

TEST_F(HealthServiceTest, AWatchOfAnUnknownServiceStaysOpen) {
  const auto watch = Watch("nobody");
  EXPECT_EQ(Next(*watch), "SERVICE_UNKNOWN");
}

TEST_F(HealthServiceTest, AWatchEndsWhenTheServerShutsDown) {
  server_->SetServing(kServerHealth, true);
  const auto watch = Watch("");
  EXPECT_EQ(Next(*watch), "SERVING");
  server_->Shutdown(absl::Minutes(1));
  std::string last = Next(*watch);
  // It may hear of the end before the end.
  if (last == "NOT_SERVING") last = Next(*watch);
  EXPECT_EQ(last, "UNAVAILABLE: server is shutting down");
}

}  // namespace
}  // namespace millrace
