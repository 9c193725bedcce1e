#pragma once

#include "millrace/v1/worker_pool.grpc.pb.h"
#include "server/events/event_emitter.h"
#include "server/rpc/call_lane.h"
#include "server/rpc/event_feed.h"
#include "server/rpc/pool_control.h"

namespace millrace {

// Events comes raw, since the feed sends messages that it has serialized once for all subscribers.
using WorkerPoolServiceBase = v1::WorkerPool::WithCallbackMethod_Start<
    v1::WorkerPool::WithCallbackMethod_Stop<v1::WorkerPool::WithCallbackMethod_ForceStop<
        v1::WorkerPool::WithCallbackMethod_Stats<v1::WorkerPool::WithCallbackMethod_WorkerId<
            v1::WorkerPool::WithRawCallbackMethod_Events<v1::WorkerPool::Service>>>>>>;

// millrace.v1.WorkerPool. Calls that may wait have a lane each, the others answer at once from
// gRPC's threads, so that no number of waiting calls keeps a ForceStop away. A caller that leaves
// stops nothing that it has begun. Owned by the RpcServer; destroyed after the grpc::Server.
// Thread-safe.
class WorkerPoolService final : public WorkerPoolServiceBase {
 public:
  WorkerPoolService(PoolControl& pool, EventEmitter& emitter, EventFeed& feed);

  // Starts the threads of calls that wait.
  absl::Status StartLanes();
  // Answers calls that wait with UNAVAILABLE, and takes no more. The destructor waits until what
  // they have begun has ended.
  void StopLanes();

 private:
  grpc::ServerUnaryReactor* Start(grpc::CallbackServerContext* context,
                                  const v1::StartRequest* request,
                                  v1::StartResponse* response) override;
  grpc::ServerUnaryReactor* Stop(grpc::CallbackServerContext* context,
                                 const v1::StopRequest* request,
                                 v1::StopResponse* response) override;
  grpc::ServerUnaryReactor* ForceStop(grpc::CallbackServerContext* context,
                                      const v1::ForceStopRequest* request,
                                      v1::ForceStopResponse* response) override;
  grpc::ServerUnaryReactor* Stats(grpc::CallbackServerContext* context,
                                  const v1::StatsRequest* request,
                                  v1::StatsResponse* response) override;
  grpc::ServerUnaryReactor* WorkerId(grpc::CallbackServerContext* context,
                                     const v1::WorkerIdRequest* request,
                                     v1::WorkerIdResponse* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Events(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request) override;

  absl::StatusOr<EventStream*> Subscribe(const grpc::ByteBuffer& request);

  PoolControl& pool_;
  EventEmitter& emitter_;
  EventFeed& feed_;
  CallLane start_lane_;
  CallLane stop_lane_;
  CallLane force_stop_lane_;
};

}  // namespace millrace
