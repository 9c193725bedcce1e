#pragma once

#include <vector>

#include "millrace/v1/worker_pool.grpc.pb.h"
#include "server/events/event_emitter.h"
#include "server/rpc/call_lane.h"
#include "server/rpc/event_feed.h"
#include "server/rpc/fleet.h"
#include "server/rpc/pool_calls.h"
#include "server/rpc/pool_commands.h"

namespace millrace {

// Events comes raw, since the feed sends messages that it has serialized once for all subscribers.
using WorkerPoolServiceBase = v1::WorkerPool::WithCallbackMethod_Start<
    v1::WorkerPool::WithCallbackMethod_Stop<v1::WorkerPool::WithCallbackMethod_ForceStop<
        v1::WorkerPool::WithCallbackMethod_Stats<v1::WorkerPool::WithCallbackMethod_WorkerId<
            v1::WorkerPool::WithCallbackMethod_UpdatePool<
                v1::WorkerPool::WithCallbackMethod_ListPools<
                    v1::WorkerPool::WithRawCallbackMethod_Events<v1::WorkerPool::Service>>>>>>>>;

// millrace.v1.WorkerPool. Calls that may wait have a lane each, the others answer at once from
// gRPC's threads, so that no number of waiting calls keeps a ForceStop away. A caller that leaves
// stops nothing that it has begun. Owned by the RpcServer; destroyed after the grpc::Server.
// Thread-safe.
class WorkerPoolService final : public WorkerPoolServiceBase {
 public:
  WorkerPoolService(PoolCommands& commands, Fleet& fleet, EventEmitter& emitter, EventFeed& feed);

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
  grpc::ServerUnaryReactor* UpdatePool(grpc::CallbackServerContext* context,
                                       const v1::UpdatePoolRequest* request,
                                       v1::UpdatePoolResponse* response) override;
  grpc::ServerUnaryReactor* ListPools(grpc::CallbackServerContext* context,
                                      const v1::ListPoolsRequest* request,
                                      v1::ListPoolsResponse* response) override;
  grpc::ServerUnaryReactor* WorkerId(grpc::CallbackServerContext* context,
                                     const v1::WorkerIdRequest* request,
                                     v1::WorkerIdResponse* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Events(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request) override;

  absl::StatusOr<EventStream*> Subscribe(const grpc::ByteBuffer& request);

  // Which call it is, and what carries it out.
  template <typename Request, typename Response>
  struct Method {
    const char* name;
    // "WorkerPool/" and the name.
    const char* full_name;
    absl::StatusOr<Response> (PoolCommands::*run)(const Request&);
    // For the own pool, and where the request names another.
    CallLane& own_lane;
    CallLane& fleet_lane;
    // How long others are waited for if the caller has no deadline.
    absl::Duration patience;
  };
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* CarryOut(grpc::CallbackServerContext& context, const Request& request,
                                     Response& response, Method<Request, Response> method);
  std::vector<CallLane*> Lanes();

  PoolCommands& commands_;
  Fleet& fleet_;
  PoolCalls calls_;
  EventEmitter& emitter_;
  EventFeed& feed_;
  CallLane start_lane_;
  CallLane stop_lane_;
  CallLane force_stop_lane_;
  CallLane update_lane_;
  // For calls that name other pools, which wait for those.
  CallLane fleet_lane_;
  CallLane fleet_stop_lane_;
  CallLane fleet_force_stop_lane_;
};

}  // namespace millrace
