#include "server/rpc/worker_pool_service.h"

#include <algorithm>
#include <utility>

#include "grpcpp/support/proto_buffer_reader.h"
#include "server/rpc/convert/events_request.h"
#include "server/rpc/convert/pool_proto.h"
#include "server/rpc/rejected_stream.h"

namespace millrace {
namespace {

// Several, since each may wait as long as its timeout says; the pool sorts out who stops it.
constexpr int kStopThreads = 4;
constexpr size_t kMaxWaiting = 100;
constexpr int kFleetThreads = 4;
// Without a deadline others are waited for so long.
constexpr absl::Duration kPatience = absl::Seconds(10);
// Of what a pool may need for a stop beyond its timeout.
constexpr absl::Duration kStopEnd = absl::Minutes(1);
// The longest timeout of a stop, and what it may need beyond: nobody is waited for longer.
constexpr absl::Duration kLongestPatience = absl::Minutes(24 * 60 + 1);

// How long answers of others are waited for, so that ours comes before the caller's deadline.
absl::Duration PatienceOf(const grpc::ServerContextBase& context, absl::Duration without_deadline) {
  const absl::Duration left = LimitOf(context).time_left();
  if (left == absl::InfiniteDuration()) return without_deadline;
  return std::clamp(left - std::min(absl::Seconds(1), left / 10), absl::ZeroDuration(),
                    kLongestPatience);
}

absl::StatusOr<v1::EventsRequest> ParseEventsRequest(const grpc::ByteBuffer& request) {
  v1::EventsRequest parsed;
  // The reader only reads, but is not made for a constant buffer. A copy shares the bytes.
  grpc::ByteBuffer bytes(request);
  grpc::ProtoBufferReader reader(&bytes);
  if (!reader.status().ok() || !parsed.ParseFromZeroCopyStream(&reader)) {
    return absl::InvalidArgumentError("the request is not a millrace.v1.EventsRequest");
  }
  return parsed;
}

}  // namespace

WorkerPoolService::WorkerPoolService(PoolCommands& commands, Fleet& fleet, EventEmitter& emitter,
                                     EventFeed& feed)
    : commands_(commands),
      fleet_(fleet),
      calls_(commands, fleet),
      emitter_(emitter),
      feed_(feed),
      start_lane_("rpc-start", 1, kMaxWaiting),
      stop_lane_("rpc-stop", kStopThreads, kMaxWaiting),
      force_stop_lane_("rpc-force-stop", 1, kMaxWaiting),
      update_lane_("rpc-update", 1, kMaxWaiting),
      fleet_lane_("rpc-fleet", kFleetThreads, kMaxWaiting),
      fleet_stop_lane_("rpc-fleet-stop", kStopThreads, kMaxWaiting),
      fleet_force_stop_lane_("rpc-fleet-force", kFleetThreads, kMaxWaiting) {}

std::vector<CallLane*> WorkerPoolService::Lanes() {
  return {&start_lane_, &stop_lane_,       &force_stop_lane_,      &update_lane_,
          &fleet_lane_, &fleet_stop_lane_, &fleet_force_stop_lane_};
}

absl::Status WorkerPoolService::StartLanes() {
  for (CallLane* lane : Lanes()) {
    if (absl::Status started = lane->Start(); !started.ok()) return started;
  }
  return absl::OkStatus();
}

void WorkerPoolService::StopLanes() {
  for (CallLane* lane : Lanes()) lane->RequestStop();
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* WorkerPoolService::CarryOut(grpc::CallbackServerContext& context,
                                                      const Request& request, Response& response,
                                                      Method<Request, Response> method) {
  grpc::ServerUnaryReactor* reactor = context.DefaultReactor();
  const absl::Duration patience = PatienceOf(context, method.patience);
  CallLane& lane = request.has_pool() ? method.fleet_lane : method.own_lane;
  lane.Run(RpcCall(context, method.full_name), reactor,
           [this, method, patience, request, &response]() -> absl::StatusOr<CallLane::Reply> {
             absl::StatusOr<Response> answer =
                 calls_.Run(request, method.name, patience, method.run);
             if (!answer.ok()) return answer.status();
             return [answer = *std::move(answer), &response] { response = answer; };
           });
  return reactor;
}

grpc::ServerUnaryReactor* WorkerPoolService::Start(grpc::CallbackServerContext* context,
                                                   const v1::StartRequest* request,
                                                   v1::StartResponse* response) {
  return CarryOut<v1::StartRequest, v1::StartResponse>(
      *context, *request, *response,
      {"Start", "WorkerPool/Start", &PoolCommands::Start, start_lane_, fleet_lane_, kPatience});
}

grpc::ServerUnaryReactor* WorkerPoolService::Stop(grpc::CallbackServerContext* context,
                                                  const v1::StopRequest* request,
                                                  v1::StopResponse* response) {
  absl::Duration patience = kLongestPatience;
  if (request->has_timeout()) patience = absl::Seconds(request->timeout().seconds()) + kStopEnd;
  return CarryOut<v1::StopRequest, v1::StopResponse>(
      *context, *request, *response,
      {"Stop", "WorkerPool/Stop", &PoolCommands::Stop, stop_lane_, fleet_stop_lane_, patience});
}

grpc::ServerUnaryReactor* WorkerPoolService::ForceStop(grpc::CallbackServerContext* context,
                                                       const v1::ForceStopRequest* request,
                                                       v1::ForceStopResponse* response) {
  return CarryOut<v1::ForceStopRequest, v1::ForceStopResponse>(
      *context, *request, *response,
      {"ForceStop", "WorkerPool/ForceStop", &PoolCommands::ForceStop, force_stop_lane_,
       fleet_force_stop_lane_, kPatience});
}

grpc::ServerUnaryReactor* WorkerPoolService::UpdatePool(grpc::CallbackServerContext* context,
                                                        const v1::UpdatePoolRequest* request,
                                                        v1::UpdatePoolResponse* response) {
  return CarryOut<v1::UpdatePoolRequest, v1::UpdatePoolResponse>(
      *context, *request, *response,
      {"UpdatePool", "WorkerPool/UpdatePool", &PoolCommands::UpdatePool, update_lane_, fleet_lane_,
       kPatience});
}

grpc::ServerUnaryReactor* WorkerPoolService::Stats(grpc::CallbackServerContext* context,
                                                   const v1::StatsRequest* request,
                                                   v1::StatsResponse* response) {
  if (request->has_pool()) {
    return CarryOut<v1::StatsRequest, v1::StatsResponse>(
        *context, *request, *response,
        {"Stats", "WorkerPool/Stats", &PoolCommands::Stats, fleet_lane_, fleet_lane_, kPatience});
  }
  // Never waits.
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(RpcCall(*context, "WorkerPool/Stats").Run([&] {
    absl::StatusOr<v1::StatsResponse> stats = commands_.Stats(*request);
    if (!stats.ok()) return stats.status();
    *response = *std::move(stats);
    return absl::OkStatus();
  }));
  return reactor;
}

grpc::ServerUnaryReactor* WorkerPoolService::ListPools(grpc::CallbackServerContext* context,
                                                       const v1::ListPoolsRequest*,
                                                       v1::ListPoolsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  fleet_lane_.Run(RpcCall(*context, "WorkerPool/ListPools"), reactor,
                  [this, response]() -> absl::StatusOr<CallLane::Reply> {
                    absl::StatusOr<std::vector<ListedPool>> pools = fleet_.ListPools();
                    if (!pools.ok()) return pools.status();
                    return [pools = *std::move(pools), response] {
                      for (const ListedPool& pool : pools) *response->add_pools() = ToProto(pool);
                    };
                  });
  return reactor;
}

grpc::ServerUnaryReactor* WorkerPoolService::WorkerId(grpc::CallbackServerContext* context,
                                                      const v1::WorkerIdRequest*,
                                                      v1::WorkerIdResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(RpcCall(*context, "WorkerPool/WorkerId").Run([&] {
    response->set_worker_id(commands_.worker_id());
    return absl::OkStatus();
  }));
  return reactor;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* WorkerPoolService::Events(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  EventStream* stream = nullptr;
  const grpc::Status status = RpcCall(*context, "WorkerPool/Events").Run([&] {
    const absl::StatusOr<EventStream*> subscribed = Subscribe(*request);
    if (subscribed.ok()) stream = *subscribed;
    return subscribed.status();
  });
  if (!status.ok()) return new RejectedStream<grpc::ByteBuffer>(status);
  return stream;
}

absl::StatusOr<EventStream*> WorkerPoolService::Subscribe(const grpc::ByteBuffer& request) {
  const absl::StatusOr<v1::EventsRequest> parsed = ParseEventsRequest(request);
  if (!parsed.ok()) return parsed.status();
  absl::StatusOr<EventSubscription> subscription =
      ToEventSubscription(*parsed, emitter_.incarnation(), emitter_.last_sequence());
  if (!subscription.ok()) return subscription.status();
  return feed_.Subscribe(*std::move(subscription));
}

}  // namespace millrace
