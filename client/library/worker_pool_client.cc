#include "client/library/worker_pool_client.h"

#include <algorithm>

#include "client/library/call.h"
#include "client/library/convert.h"
#include "grpcpp/channel.h"
#include "millrace/v1/worker_pool.grpc.pb.h"

namespace millrace::client {

using Stub = v1::WorkerPool::Stub;

namespace {

// What a server may need after the timeout of a stop: handlers that were asked to stop get some
// seconds, and what they did is recorded.
constexpr absl::Duration kLongestStopEnd = absl::Seconds(30);

}  // namespace

struct WorkerPoolClient::Wire {
  std::unique_ptr<Stub> stub;
};

WorkerPoolClient::WorkerPoolClient(const Connection& connection)
    : deadline_(connection.options().deadline),
      wire_(new Wire{v1::WorkerPool::NewStub(connection.channel())}) {}

WorkerPoolClient::~WorkerPoolClient() = default;

absl::StatusOr<StartedPool> WorkerPoolClient::Start() {
  v1::StartResponse response;
  const absl::Status called =
      Call(*wire_->stub, &Stub::Start, v1::StartRequest(), &response, deadline_);
  if (!called.ok()) return called;
  return StartedPool{response.worker_id(), response.concurrency()};
}

absl::StatusOr<StopReport> WorkerPoolClient::Stop(std::optional<absl::Duration> timeout) {
  v1::StopRequest request;
  if (timeout.has_value()) *request.mutable_timeout() = ToProto(*timeout);
  const absl::Duration wait = timeout.has_value() ? *timeout + std::max(deadline_, kLongestStopEnd)
                                                  : absl::InfiniteDuration();
  v1::StopResponse response;
  const absl::Status called = Call(*wire_->stub, &Stub::Stop, request, &response, wait);
  if (!called.ok()) return called;
  return StopReport{response.finished(), response.given_back(), response.interrupted(),
                    response.still_running()};
}

absl::StatusOr<int> WorkerPoolClient::ForceStop() {
  v1::ForceStopResponse response;
  const absl::Status called =
      Call(*wire_->stub, &Stub::ForceStop, v1::ForceStopRequest(), &response, deadline_);
  if (!called.ok()) return called;
  return response.asked();
}

absl::StatusOr<PoolStats> WorkerPoolClient::Stats() {
  v1::StatsResponse response;
  const absl::Status called =
      Call(*wire_->stub, &Stub::Stats, v1::StatsRequest(), &response, deadline_);
  if (!called.ok()) return called;
  return FromProto(response);
}

absl::StatusOr<std::string> WorkerPoolClient::WorkerId() {
  v1::WorkerIdResponse response;
  const absl::Status called =
      Call(*wire_->stub, &Stub::WorkerId, v1::WorkerIdRequest(), &response, deadline_);
  if (!called.ok()) return called;
  return response.worker_id();
}

}  // namespace millrace::client
