#include "client/library/worker_pool_client.h"

#include <algorithm>

#include "client/library/call.h"
#include "client/library/convert.h"
#include "client/library/request_id.h"
#include "grpcpp/channel.h"
#include "millrace/v1/worker_pool.grpc.pb.h"

namespace millrace::client {

using Stub = v1::WorkerPool::Stub;

namespace {

// What a server may need after the timeout of a stop: handlers that were asked to stop get some
// seconds, and what they did is recorded.
constexpr absl::Duration kLongestStopEnd = absl::Seconds(30);

template <typename Request, typename Response>
using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

// A call that changes something has a request id. It is not repeated all the same: the next try may
// reach another server, which knows nothing of the first.
template <typename Request, typename Response>
absl::Status CallOnce(Stub& stub, Method<Request, Response> method, Request& request,
                      Response* response, absl::Duration timeout) {
  if constexpr (requires { request.set_request_id(""); }) request.set_request_id(NewRequestId());
  return Call(stub, method, request, response, timeout);
}

// About the pool of this worker id, or, if that is empty, about the server's own.
template <typename Request, typename Response>
absl::StatusOr<Response> CallPool(Stub& stub, Method<Request, Response> method, Request request,
                                  const std::string& worker_id, absl::Duration timeout) {
  if (!worker_id.empty()) request.mutable_pool()->set_worker_id(worker_id);
  Response response;
  const absl::Status called = CallOnce(stub, method, request, &response, timeout);
  if (!called.ok()) return called;
  return response;
}

// About all pools; `answer` takes what one has said out of its reply.
template <typename Answer, typename Request, typename Response, typename ToAnswer>
absl::StatusOr<std::vector<PoolReply<Answer>>> CallAll(Stub& stub, Method<Request, Response> method,
                                                       Request request, absl::Duration timeout,
                                                       ToAnswer answer) {
  request.mutable_pool()->set_all(true);
  Response response;
  const absl::Status called = CallOnce(stub, method, request, &response, timeout);
  if (!called.ok()) return called;
  if (response.pools().empty()) {
    return absl::UnimplementedError("the server looks at its own pool only; update it");
  }
  std::vector<PoolReply<Answer>> replies;
  for (const v1::PoolReply& reply : response.pools()) {
    const absl::Status status(static_cast<absl::StatusCode>(reply.code()), reply.message());
    replies.push_back({reply.worker_id(), reply.pool_name(),
                       status.ok() ? absl::StatusOr<Answer>(answer(reply)) : status});
  }
  return replies;
}

v1::StopRequest MakeStop(std::optional<absl::Duration> timeout, bool save) {
  v1::StopRequest request;
  if (timeout.has_value()) *request.mutable_timeout() = ToProto(*timeout);
  request.set_save(save);
  return request;
}

}  // namespace

struct WorkerPoolClient::Wire {
  std::unique_ptr<Stub> stub;
};

WorkerPoolClient::WorkerPoolClient(const Connection& connection)
    : deadline_(connection.options().deadline),
      wire_(new Wire{v1::WorkerPool::NewStub(connection.channel())}) {}

WorkerPoolClient::~WorkerPoolClient() = default;

absl::StatusOr<StartedPool> WorkerPoolClient::Start(const std::string& worker_id, bool save) {
  v1::StartRequest request;
  request.set_save(save);
  const absl::StatusOr<v1::StartResponse> response =
      CallPool(*wire_->stub, &Stub::Start, request, worker_id, deadline_);
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<std::vector<PoolReply<StartedPool>>> WorkerPoolClient::StartAll(bool save) {
  v1::StartRequest request;
  request.set_save(save);
  return CallAll<StartedPool>(*wire_->stub, &Stub::Start, request, deadline_,
                              [](const v1::PoolReply& reply) { return FromProto(reply.start()); });
}

absl::Duration WorkerPoolClient::WaitForStop(std::optional<absl::Duration> timeout) const {
  if (!timeout.has_value()) return absl::InfiniteDuration();
  return *timeout + std::max(deadline_, kLongestStopEnd);
}

absl::StatusOr<StopReport> WorkerPoolClient::Stop(std::optional<absl::Duration> timeout,
                                                  const std::string& worker_id, bool save) {
  const absl::StatusOr<v1::StopResponse> response =
      CallPool(*wire_->stub, &Stub::Stop, MakeStop(timeout, save), worker_id, WaitForStop(timeout));
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<std::vector<PoolReply<StopReport>>> WorkerPoolClient::StopAll(
    std::optional<absl::Duration> timeout, bool save) {
  return CallAll<StopReport>(*wire_->stub, &Stub::Stop, MakeStop(timeout, save),
                             WaitForStop(timeout),
                             [](const v1::PoolReply& reply) { return FromProto(reply.stop()); });
}

absl::StatusOr<int> WorkerPoolClient::ForceStop(const std::string& worker_id) {
  const absl::StatusOr<v1::ForceStopResponse> response =
      CallPool(*wire_->stub, &Stub::ForceStop, v1::ForceStopRequest(), worker_id, deadline_);
  if (!response.ok()) return response.status();
  return response->asked();
}

absl::StatusOr<std::vector<PoolReply<int>>> WorkerPoolClient::ForceStopAll() {
  return CallAll<int>(*wire_->stub, &Stub::ForceStop, v1::ForceStopRequest(), deadline_,
                      [](const v1::PoolReply& reply) { return reply.force_stop().asked(); });
}

absl::StatusOr<PoolStats> WorkerPoolClient::Stats(const std::string& worker_id) {
  const absl::StatusOr<v1::StatsResponse> response =
      CallPool(*wire_->stub, &Stub::Stats, v1::StatsRequest(), worker_id, deadline_);
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<std::vector<PoolReply<PoolStats>>> WorkerPoolClient::StatsAll() {
  return CallAll<PoolStats>(*wire_->stub, &Stub::Stats, v1::StatsRequest(), deadline_,
                            [](const v1::PoolReply& reply) { return FromProto(reply.stats()); });
}

absl::StatusOr<ChangedPool> WorkerPoolClient::Update(const PoolChange& change,
                                                     const std::string& worker_id) {
  const absl::StatusOr<v1::UpdatePoolResponse> response =
      CallPool(*wire_->stub, &Stub::UpdatePool, ToProto(change), worker_id, deadline_);
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<std::vector<PoolReply<ChangedPool>>> WorkerPoolClient::UpdateAll(
    const PoolChange& change) {
  return CallAll<ChangedPool>(
      *wire_->stub, &Stub::UpdatePool, ToProto(change), deadline_,
      [](const v1::PoolReply& reply) { return FromProto(reply.update_pool()); });
}

absl::StatusOr<std::vector<ListedPool>> WorkerPoolClient::ListPools() {
  v1::ListPoolsResponse response;
  const absl::Status called =
      Call(*wire_->stub, &Stub::ListPools, v1::ListPoolsRequest(), &response, deadline_);
  if (!called.ok()) return called;
  std::vector<ListedPool> pools;
  for (const v1::ListedPool& proto : response.pools()) {
    absl::StatusOr<ListedPool> pool = FromProto(proto);
    if (!pool.ok()) return pool.status();
    pools.push_back(*std::move(pool));
  }
  return pools;
}

absl::StatusOr<std::string> WorkerPoolClient::WorkerId() {
  v1::WorkerIdResponse response;
  const absl::Status called =
      Call(*wire_->stub, &Stub::WorkerId, v1::WorkerIdRequest(), &response, deadline_);
  if (!called.ok()) return called;
  return response.worker_id();
}

}  // namespace millrace::client
