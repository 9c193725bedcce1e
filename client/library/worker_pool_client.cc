#include "client/library/worker_pool_client.h"

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
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

// Makes a call once, or so often while the server cannot be reached or ends.
struct Tries {
  absl::Duration timeout;
  // For a call that changes something.
  int attempts = 1;
};

// A call that changes something has a request id, under which each pool does it once: so it may be
// made again wherever it names its pools, unless the answer is what became of the one that it
// names. One that is about the pool of the server that is reached is made once, since the next try
// might reach another server. What only reads is made again by gRPC.
template <typename Request, typename Response>
absl::Status CallPools(Stub& stub, Method<Request, Response> method, Request& request,
                       Response* response, Tries tries) {
  if constexpr (requires { request.set_request_id(""); }) {
    request.set_request_id(NewRequestId());
    const std::string about_the_pool = request.pool().worker_id() + ": ";
    Repetition repetition(tries.timeout, request.has_pool() ? tries.attempts : 1);
    absl::Status status;
    do {
      status = Call(stub, method, request, response, repetition.time_left());
    } while (!absl::StartsWith(status.message(), about_the_pool) && repetition.PauseAfter(status));
    return status;
  } else {
    return Call(stub, method, request, response, tries.timeout);
  }
}

// About the pool of this worker id, or, if that is empty, about the server's own.
template <typename Request, typename Response>
absl::StatusOr<Response> CallPool(Stub& stub, Method<Request, Response> method, Request request,
                                  const std::string& worker_id, Tries tries) {
  if (!worker_id.empty()) request.mutable_pool()->set_worker_id(worker_id);
  Response response;
  absl::Status called = CallPools(stub, method, request, &response, tries);
  if (!called.ok()) return called;
  return response;
}

// About all pools; `answer` takes what one has said out of its reply.
template <typename Answer, typename Request, typename Response, typename ToAnswer>
absl::StatusOr<std::vector<PoolReply<Answer>>> CallAll(Stub& stub, Method<Request, Response> method,
                                                       Request request, Tries tries,
                                                       ToAnswer answer) {
  request.mutable_pool()->set_all(true);
  Response response;
  absl::Status called = CallPools(stub, method, request, &response, tries);
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
      stop_deadline_(connection.options().stop_deadline),
      change_attempts_(connection.options().change_attempts),
      wire_(new Wire{v1::WorkerPool::NewStub(connection.channel())}) {}

WorkerPoolClient::~WorkerPoolClient() = default;

absl::StatusOr<StartedPool> WorkerPoolClient::Start(const std::string& worker_id, bool save) {
  v1::StartRequest request;
  request.set_save(save);
  const absl::StatusOr<v1::StartResponse> response =
      CallPool(*wire_->stub, &Stub::Start, request, worker_id, Tries{deadline_, change_attempts_});
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<std::vector<PoolReply<StartedPool>>> WorkerPoolClient::StartAll(bool save) {
  v1::StartRequest request;
  request.set_save(save);
  return CallAll<StartedPool>(*wire_->stub, &Stub::Start, request,
                              Tries{deadline_, change_attempts_},
                              [](const v1::PoolReply& reply) { return FromProto(reply.start()); });
}

absl::Duration WorkerPoolClient::StopDeadline(std::optional<absl::Duration> timeout) const {
  if (stop_deadline_.has_value()) return *stop_deadline_;
  if (!timeout.has_value()) return absl::InfiniteDuration();
  return *timeout + std::max(deadline_, kLongestStopEnd);
}

absl::StatusOr<StopReport> WorkerPoolClient::Stop(std::optional<absl::Duration> timeout,
                                                  const std::string& worker_id, bool save) {
  const absl::StatusOr<v1::StopResponse> response =
      CallPool(*wire_->stub, &Stub::Stop, MakeStop(timeout, save), worker_id,
               Tries{StopDeadline(timeout), change_attempts_});
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<std::vector<PoolReply<StopReport>>> WorkerPoolClient::StopAll(
    std::optional<absl::Duration> timeout, bool save) {
  return CallAll<StopReport>(*wire_->stub, &Stub::Stop, MakeStop(timeout, save),
                             Tries{StopDeadline(timeout), change_attempts_},
                             [](const v1::PoolReply& reply) { return FromProto(reply.stop()); });
}

absl::StatusOr<int> WorkerPoolClient::ForceStop(const std::string& worker_id) {
  const absl::StatusOr<v1::ForceStopResponse> response =
      CallPool(*wire_->stub, &Stub::ForceStop, v1::ForceStopRequest(), worker_id,
               Tries{deadline_, change_attempts_});
  if (!response.ok()) return response.status();
  return response->asked();
}

absl::StatusOr<std::vector<PoolReply<int>>> WorkerPoolClient::ForceStopAll() {
  return CallAll<int>(*wire_->stub, &Stub::ForceStop, v1::ForceStopRequest(),
                      Tries{deadline_, change_attempts_},
                      [](const v1::PoolReply& reply) { return reply.force_stop().asked(); });
}

absl::StatusOr<PoolStats> WorkerPoolClient::Stats(const std::string& worker_id) {
  const absl::StatusOr<v1::StatsResponse> response =
      CallPool(*wire_->stub, &Stub::Stats, v1::StatsRequest(), worker_id, Tries{deadline_});
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<std::vector<PoolReply<PoolStats>>> WorkerPoolClient::StatsAll() {
  return CallAll<PoolStats>(*wire_->stub, &Stub::Stats, v1::StatsRequest(), Tries{deadline_},
                            [](const v1::PoolReply& reply) { return FromProto(reply.stats()); });
}

absl::StatusOr<ChangedPool> WorkerPoolClient::Update(const PoolChange& change,
                                                     const std::string& worker_id) {
  const absl::StatusOr<v1::UpdatePoolResponse> response =
      CallPool(*wire_->stub, &Stub::UpdatePool, ToProto(change), worker_id,
               Tries{deadline_, change_attempts_});
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<std::vector<PoolReply<ChangedPool>>> WorkerPoolClient::UpdateAll(
    const PoolChange& change) {
  return CallAll<ChangedPool>(
      *wire_->stub, &Stub::UpdatePool, ToProto(change), Tries{deadline_, change_attempts_},
      [](const v1::PoolReply& reply) { return FromProto(reply.update_pool()); });
}

absl::StatusOr<std::vector<ListedPool>> WorkerPoolClient::ListPools() {
  v1::ListPoolsResponse response;
  absl::Status called =
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
  absl::Status called =
      Call(*wire_->stub, &Stub::WorkerId, v1::WorkerIdRequest(), &response, deadline_);
  if (!called.ok()) return called;
  return response.worker_id();
}

}  // namespace millrace::client
