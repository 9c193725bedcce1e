#include "server/rpc/worker_pool_service.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "server/rpc/convert/events_request.h"
#include "server/rpc/convert/proto_time.h"
#include "server/rpc/rejected_stream.h"

namespace millrace {
namespace {

// Several, since each may wait as long as its timeout says; the pool sorts out who stops it.
constexpr int kStopThreads = 4;
constexpr size_t kMaxWaiting = 100;
constexpr absl::Duration kMaxStopTimeout = absl::Hours(24);

absl::StatusOr<std::optional<absl::Duration>> ToStopTimeout(const v1::StopRequest& request) {
  if (!request.has_timeout()) return std::optional<absl::Duration>();
  const absl::StatusOr<absl::Duration> timeout = ToDuration(request.timeout(), "timeout");
  if (!timeout.ok()) return timeout.status();
  if (*timeout < absl::ZeroDuration() || *timeout > kMaxStopTimeout) {
    return absl::InvalidArgumentError(absl::StrCat("timeout: must be 0 to 24 h, got ",
                                                   absl::ToDoubleSeconds(*timeout), " seconds"));
  }
  return std::optional(*timeout);
}

void SetStopResponse(const StopReport& report, v1::StopResponse& response) {
  response.set_finished(report.finished);
  response.set_given_back(report.given_back);
  response.set_interrupted(report.interrupted);
  response.set_still_running(report.still_running);
}

void SetStatsResponse(const PoolStats& stats, v1::StatsResponse& response) {
  response.set_running(stats.running);
  response.set_concurrency(stats.concurrency);
  response.set_active(stats.active);
  response.set_buffered(stats.buffered);
  response.set_completed(stats.completed);
  response.set_failed(stats.failed);
  response.set_errors(stats.errors);
  response.set_claimed(stats.claimed);
  response.set_given_back(stats.given_back);
  response.set_stale_returned(stats.stale_returned);
  response.set_interrupted(stats.interrupted);
  response.set_stuck(stats.stuck);
  if (stats.running_since.has_value()) {
    SetTimestamp(*stats.running_since, *response.mutable_running_since());
  }
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

WorkerPoolService::WorkerPoolService(PoolControl& pool, EventEmitter& emitter, EventFeed& feed)
    : pool_(pool),
      emitter_(emitter),
      feed_(feed),
      start_lane_("rpc-start", 1, kMaxWaiting),
      stop_lane_("rpc-stop", kStopThreads, kMaxWaiting),
      force_stop_lane_("rpc-force-stop", 1, kMaxWaiting) {}

absl::Status WorkerPoolService::StartLanes() {
  for (CallLane* lane : {&start_lane_, &stop_lane_, &force_stop_lane_}) {
    if (absl::Status started = lane->Start(); !started.ok()) return started;
  }
  return absl::OkStatus();
}

void WorkerPoolService::StopLanes() {
  for (CallLane* lane : {&start_lane_, &stop_lane_, &force_stop_lane_}) lane->RequestStop();
}

grpc::ServerUnaryReactor* WorkerPoolService::Start(grpc::CallbackServerContext* context,
                                                   const v1::StartRequest*,
                                                   v1::StartResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  start_lane_.Run(RpcCall(*context, "WorkerPool/Start"), reactor,
                  [this, response]() -> absl::StatusOr<CallLane::Reply> {
                    if (absl::Status started = pool_.Start(); !started.ok()) return started;
                    return [this, response] {
                      response->set_worker_id(pool_.worker_id());
                      response->set_concurrency(pool_.Stats().concurrency);
                    };
                  });
  return reactor;
}

grpc::ServerUnaryReactor* WorkerPoolService::Stop(grpc::CallbackServerContext* context,
                                                  const v1::StopRequest* request,
                                                  v1::StopResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  stop_lane_.Run(
      RpcCall(*context, "WorkerPool/Stop"), reactor,
      [this, timeout = ToStopTimeout(*request), response]() -> absl::StatusOr<CallLane::Reply> {
        if (!timeout.ok()) return timeout.status();
        const absl::StatusOr<StopReport> report = pool_.Stop(*timeout);
        if (!report.ok()) return report.status();
        return [report = *report, response] { SetStopResponse(report, *response); };
      });
  return reactor;
}

grpc::ServerUnaryReactor* WorkerPoolService::ForceStop(grpc::CallbackServerContext* context,
                                                       const v1::ForceStopRequest*,
                                                       v1::ForceStopResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  force_stop_lane_.Run(RpcCall(*context, "WorkerPool/ForceStop"), reactor,
                       [this, response]() -> absl::StatusOr<CallLane::Reply> {
                         const absl::StatusOr<int> asked = pool_.ForceStop();
                         if (!asked.ok()) return asked.status();
                         return [asked = *asked, response] { response->set_asked(asked); };
                       });
  return reactor;
}

grpc::ServerUnaryReactor* WorkerPoolService::Stats(grpc::CallbackServerContext* context,
                                                   const v1::StatsRequest*,
                                                   v1::StatsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(RpcCall(*context, "WorkerPool/Stats").Run([&] {
    response->set_worker_id(pool_.worker_id());
    response->set_pool_name(pool_.pool_name());
    SetStatsResponse(pool_.Stats(), *response);
    return absl::OkStatus();
  }));
  return reactor;
}

grpc::ServerUnaryReactor* WorkerPoolService::WorkerId(grpc::CallbackServerContext* context,
                                                      const v1::WorkerIdRequest*,
                                                      v1::WorkerIdResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(RpcCall(*context, "WorkerPool/WorkerId").Run([&] {
    response->set_worker_id(pool_.worker_id());
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
