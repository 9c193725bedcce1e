#include "server/rpc/convert/pool_proto.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rpc/convert/proto_time.h"

namespace millrace {
namespace {

constexpr absl::Duration kMaxStopTimeout = absl::Hours(24);

std::optional<std::vector<std::string>> ToNames(bool has, const v1::NameList& list) {
  if (!has) return std::nullopt;
  return std::vector<std::string>(list.names().begin(), list.names().end());
}

v1::PoolState ToProto(PoolState state) {
  switch (state) {
    case PoolState::kStopped:
      return v1::POOL_STATE_STOPPED;
    case PoolState::kRunning:
      return v1::POOL_STATE_RUNNING;
    case PoolState::kStopping:
      return v1::POOL_STATE_STOPPING;
    case PoolState::kLost:
      return v1::POOL_STATE_LOST;
    case PoolState::kUnknown:
      break;
  }
  return v1::POOL_STATE_UNKNOWN;
}

v1::Lease ToProto(const ListedPool::Lease& lease) {
  v1::Lease proto;
  SetDuration(lease.ttl, *proto.mutable_ttl());
  if (!lease.renewed_ago.has_value()) return proto;
  SetDuration(*lease.renewed_ago, *proto.mutable_renewed_ago());
  SetDuration(lease.ttl - *lease.renewed_ago, *proto.mutable_expires_in());
  return proto;
}

}  // namespace

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

PoolChange ToPoolChange(const v1::UpdatePoolRequest& request) {
  PoolChange change;
  if (request.has_concurrency()) change.concurrency = request.concurrency();
  change.task_identifiers = ToNames(request.has_task_identifiers(), request.task_identifiers());
  change.forbidden_flags = ToNames(request.has_forbidden_flags(), request.forbidden_flags());
  return change;
}

v1::StopResponse ToProto(const StopReport& report) {
  v1::StopResponse response;
  response.set_finished(report.finished);
  response.set_given_back(report.given_back);
  response.set_interrupted(report.interrupted);
  response.set_still_running(report.still_running);
  return response;
}

v1::StatsResponse ToProto(const PoolStats& stats) {
  v1::StatsResponse response;
  response.set_running(stats.running);
  response.set_stopping(stats.stopping);
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
  response.mutable_task_identifiers()->Assign(stats.task_identifiers.begin(),
                                              stats.task_identifiers.end());
  response.mutable_forbidden_flags()->Assign(stats.forbidden_flags.begin(),
                                             stats.forbidden_flags.end());
  return response;
}

v1::ListedPool ToProto(const ListedPool& pool) {
  const PoolReport& report = pool.report;
  v1::ListedPool proto;
  proto.set_worker_id(report.worker_id);
  proto.set_pool_name(report.pool_name);
  proto.set_host(report.host);
  proto.set_pid(report.pid);
  proto.set_version(report.version);
  SetTimestamp(pool.started_at, *proto.mutable_started_at());
  proto.set_state(ToProto(report.state));
  proto.set_concurrency(report.concurrency);
  proto.set_active(report.active);
  proto.set_buffered(report.buffered);
  if (pool.seen_ago.has_value()) SetDuration(*pool.seen_ago, *proto.mutable_seen_ago());
  if (pool.lease.has_value() && !pool.lease->ended) *proto.mutable_lease() = ToProto(*pool.lease);
  return proto;
}

}  // namespace millrace
