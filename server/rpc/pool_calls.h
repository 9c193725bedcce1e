#pragma once

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "millrace/v1/worker_pool.pb.h"
#include "server/rpc/fleet.h"
#include "server/rpc/pool_commands.h"

namespace millrace {

// Which pool a call is about. A plain value.
struct PoolTarget {
  bool all = false;
  // Empty with `all`.
  std::string worker_id;
};

// INVALID_ARGUMENT "pool...: ..." unless the selector says which.
absl::StatusOr<PoolTarget> ToPoolTarget(const v1::PoolSelector& selector);

// Each puts the answer to its place.
inline void SetReply(v1::StartResponse response, v1::PoolReply& reply) {
  *reply.mutable_start() = std::move(response);
}
inline void SetReply(v1::StopResponse response, v1::PoolReply& reply) {
  *reply.mutable_stop() = std::move(response);
}
inline void SetReply(v1::ForceStopResponse response, v1::PoolReply& reply) {
  *reply.mutable_force_stop() = std::move(response);
}
inline void SetReply(v1::StatsResponse response, v1::PoolReply& reply) {
  *reply.mutable_stats() = std::move(response);
}
inline void SetReply(v1::UpdatePoolResponse response, v1::PoolReply& reply) {
  *reply.mutable_update_pool() = std::move(response);
}

// Calls of WorkerPool, each of which may be about the own pool, another one or all: follows the
// `pool` of the request. Owned by the service; what it is given outlives it. Thread-safe.
class PoolCalls {
 public:
  PoolCalls(PoolCommands& commands, Fleet& fleet) : commands_(commands), fleet_(fleet) {}

  // Blocks until the own pool has answered, and the others have or `patience` is over.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Run(const Request& request, const char* method, absl::Duration patience,
                               absl::StatusOr<Response> (PoolCommands::*own)(const Request&)) {
    if (!request.has_pool()) return (commands_.*own)(request);
    const absl::StatusOr<PoolTarget> target = ToPoolTarget(request.pool());
    if (!target.ok()) return target.status();
    if (target->worker_id == commands_.worker_id()) return (commands_.*own)(request);
    if (absl::Status valid = PoolCommands::Check(request); !valid.ok()) return valid;
    Request passed_on = request;
    passed_on.clear_pool();
    absl::StatusOr<FleetQuestions::Asked> asked =
        fleet_.Ask(target->worker_id, method, passed_on.SerializeAsString(), patience);
    if (!asked.ok()) return asked.status();
    if (!target->all) return Decode<Response>(fleet_.Await(*std::move(asked)).front());
    // The others are at it meanwhile.
    const size_t own_place = *asked->own;
    const absl::StatusOr<Response> own_answer = (commands_.*own)(passed_on);
    Response response;
    size_t place = 0;
    for (const FleetQuestions::Reply& reply : fleet_.Await(*std::move(asked))) {
      const bool is_own = place++ == own_place;
      AddReply(reply, is_own ? own_answer : Decode<Response>(reply), response);
    }
    return response;
  }

 private:
  template <typename Response>
  static absl::StatusOr<Response> Decode(const FleetQuestions::Reply& reply) {
    if (!reply.answer.ok()) {
      return absl::Status(reply.answer.status().code(),
                          absl::StrCat(reply.worker_id, ": ", reply.answer.status().message()));
    }
    Response response;
    if (response.ParseFromString(*reply.answer)) return response;
    return absl::InternalError(absl::StrCat(reply.worker_id, ": the answer cannot be read"));
  }

  template <typename Response>
  static void AddReply(const FleetQuestions::Reply& from, absl::StatusOr<Response> answer,
                       Response& to) {
    v1::PoolReply& reply = *to.add_pools();
    reply.set_worker_id(from.worker_id);
    reply.set_pool_name(from.pool_name);
    if (answer.ok()) return SetReply(*std::move(answer), reply);
    reply.set_code(static_cast<int>(answer.status().code()));
    // The pool is named already.
    const std::string said(answer.status().message());
    const std::string name = from.worker_id + ": ";
    reply.set_message(said.starts_with(name) ? said.substr(name.size()) : said);
  }

  PoolCommands& commands_;
  Fleet& fleet_;
};

}  // namespace millrace
