#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "millrace/v1/worker_pool.pb.h"
#include "server/base/clock.h"
#include "server/base/turns.h"
#include "server/rpc/convert/request_key.h"
#include "server/rpc/pool_control.h"
#include "server/rpc/request_memory.h"
#include "server/store/saved_pool_store.h"

namespace millrace {

// What can be asked of a pool, whoever asks: a caller, or another server for one of its callers.
// Each decodes, saves what is to be saved, makes one call of the pool, and gives the answer; the
// `pool` of its request was followed before. What comes under a request id is done once, through
// whichever server and however often it comes: the answer is remembered here, for as long as there
// is a pool of this worker id. Errors are those of the service. Owned by the service graph; what it
// is given outlives it. Thread-safe.
class PoolCommands {
 public:
  PoolCommands(PoolControl& pool, SavedPoolStore& saved, Clock& clock)
      : pool_(pool), saved_(saved), done_(clock, RequestMemory::Options()) {}

  absl::StatusOr<v1::StartResponse> Start(const v1::StartRequest& request);
  absl::StatusOr<v1::StopResponse> Stop(const v1::StopRequest& request);
  absl::StatusOr<v1::ForceStopResponse> ForceStop(const v1::ForceStopRequest& request);
  absl::StatusOr<v1::StatsResponse> Stats(const v1::StatsRequest& request);
  absl::StatusOr<v1::UpdatePoolResponse> UpdatePool(const v1::UpdatePoolRequest& request);

  // Any of them by its name in the service, request and response serialized: what servers ask of
  // each other. UNIMPLEMENTED for a name that is none of them.
  absl::StatusOr<std::string> Run(const std::string& method, const std::string& request);

  // Ok if the request is in order, as far as that can be told without its pool.
  template <typename Request>
  static absl::Status Check(const Request& request) {
    const absl::Status id = KeyOf("", request).status();
    return id.ok() ? CheckFields(request) : id;
  }

  const std::string& worker_id() const { return pool_.worker_id(); }
  const std::string& pool_name() const { return pool_.pool_name(); }
  PoolStats stats() const { return pool_.Stats(); }

 private:
  static absl::Status CheckFields(const v1::StartRequest&) { return absl::OkStatus(); }
  static absl::Status CheckFields(const v1::StopRequest& request);
  static absl::Status CheckFields(const v1::ForceStopRequest&) { return absl::OkStatus(); }
  static absl::Status CheckFields(const v1::StatsRequest&) { return absl::OkStatus(); }
  static absl::Status CheckFields(const v1::UpdatePoolRequest& request);
  // Whether its fields go together.
  static absl::Status CheckForm(const v1::UpdatePoolRequest& request);

  // Empty for a call that changes nothing. The same whether the request names this pool or reached
  // its server.
  template <typename Request>
  static absl::StatusOr<RequestKey> KeyOf(const char* method, const Request& request) {
    if constexpr (requires { request.request_id(); }) {
      Request without_pool = request;
      without_pool.clear_pool();
      return ToRequestKey(method, request.request_id(), without_pool);
    } else {
      return RequestKey();
    }
  }
  // The answer of `change`, or that which the same request got before.
  template <typename Response, typename Request>
  absl::StatusOr<Response> Once(const char* method, const Request& request,
                                absl::StatusOr<Response> (PoolCommands::*change)(const Request&));

  absl::StatusOr<v1::StartResponse> StartNow(const v1::StartRequest& request);
  absl::StatusOr<v1::StopResponse> StopNow(const v1::StopRequest& request);
  absl::StatusOr<v1::ForceStopResponse> ForceStopNow(const v1::ForceStopRequest& request);
  absl::StatusOr<v1::UpdatePoolResponse> UpdatePoolNow(const v1::UpdatePoolRequest& request);
  absl::Status SaveStopped(bool stopped);
  absl::Status SaveChange(const PoolChange& change);

  PoolControl& pool_;
  SavedPoolStore& saved_;
  RequestMemory done_;
  // To save and to do what is saved are two steps, between which no other caller's come. Stop,
  // which may wait long, has none: whoever starts the pool meanwhile learns that it runs or stops.
  Turns changes_;
};

}  // namespace millrace
