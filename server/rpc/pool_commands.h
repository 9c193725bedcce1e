#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "millrace/v1/worker_pool.pb.h"
#include "server/rpc/pool_control.h"
#include "server/store/saved_pool_store.h"

namespace millrace {

// What can be asked of a pool, whoever asks: a caller, or another server for one of its callers.
// Each decodes, saves what is to be saved, makes one call of the pool, and gives the answer; the
// `pool` of its request was followed before. Errors are those of the service. Owned by the service
// graph; the pool and the store outlive it. Thread-safe.
class PoolCommands {
 public:
  PoolCommands(PoolControl& pool, SavedPoolStore& saved) : pool_(pool), saved_(saved) {}

  absl::StatusOr<v1::StartResponse> Start(const v1::StartRequest& request);
  absl::StatusOr<v1::StopResponse> Stop(const v1::StopRequest& request);
  absl::StatusOr<v1::ForceStopResponse> ForceStop(const v1::ForceStopRequest& request);
  absl::StatusOr<v1::StatsResponse> Stats(const v1::StatsRequest& request);
  absl::StatusOr<v1::UpdatePoolResponse> UpdatePool(const v1::UpdatePoolRequest& request);

  // Any of them by its name in the service, request and response serialized: what servers ask of
  // each other. UNIMPLEMENTED for a name that is none of them.
  absl::StatusOr<std::string> Run(const std::string& method, const std::string& request);

  // Ok if the request is in order, as far as that can be told without its pool.
  static absl::Status Check(const v1::StartRequest&) { return absl::OkStatus(); }
  static absl::Status Check(const v1::StopRequest& request);
  static absl::Status Check(const v1::ForceStopRequest&) { return absl::OkStatus(); }
  static absl::Status Check(const v1::StatsRequest&) { return absl::OkStatus(); }
  static absl::Status Check(const v1::UpdatePoolRequest& request);

  const std::string& worker_id() const { return pool_.worker_id(); }
  const std::string& pool_name() const { return pool_.pool_name(); }
  PoolStats stats() const { return pool_.Stats(); }

 private:
  // Whether its fields go together.
  static absl::Status CheckForm(const v1::UpdatePoolRequest& request);
  absl::Status SaveStopped(bool stopped);
  absl::Status SaveChange(const PoolChange& change);

  PoolControl& pool_;
  SavedPoolStore& saved_;
};

}  // namespace millrace
