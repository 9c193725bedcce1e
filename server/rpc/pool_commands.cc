#include "server/rpc/pool_commands.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/logging.h"
#include "server/rpc/convert/pool_proto.h"

namespace millrace {
namespace {

// The error of a call that had saved something before it failed.
absl::Status AlthoughSaved(const absl::Status& status, bool saved, const char* what) {
  if (status.ok() || !saved) return status;
  return absl::Status(status.code(), absl::StrCat(status.message(), " (", what, " is saved)"));
}

// Decodes, calls, encodes.
template <typename Request, typename Call>
absl::StatusOr<std::string> RunSerialized(const std::string& bytes, Call call) {
  Request request;
  if (!request.ParseFromString(bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the request is not a ", request.GetTypeName(), " that this server knows"));
  }
  const auto response = call(request);
  if (!response.ok()) return response.status();
  return response->SerializeAsString();
}

}  // namespace

template <typename Response, typename Request>
absl::StatusOr<Response> PoolCommands::Once(
    const char* method, const Request& request,
    absl::StatusOr<Response> (PoolCommands::*change)(const Request&)) {
  const absl::StatusOr<RequestKey> key = KeyOf(method, request);
  if (!key.ok()) return key.status();
  const absl::StatusOr<std::string> reply = done_.Do(*key, [&]() -> absl::StatusOr<std::string> {
    const absl::StatusOr<Response> done = (this->*change)(request);
    if (!done.ok()) return done.status();
    return done->SerializeAsString();
  });
  if (!reply.ok()) return reply.status();
  Response response;
  if (!response.ParseFromString(*reply)) {
    return absl::InternalError(absl::StrCat(method, ": the kept answer cannot be read"));
  }
  return response;
}

absl::StatusOr<v1::StartResponse> PoolCommands::Start(const v1::StartRequest& request) {
  return Once("WorkerPool/Start", request, &PoolCommands::StartNow);
}

absl::StatusOr<v1::StopResponse> PoolCommands::Stop(const v1::StopRequest& request) {
  return Once("WorkerPool/Stop", request, &PoolCommands::StopNow);
}

absl::StatusOr<v1::ForceStopResponse> PoolCommands::ForceStop(const v1::ForceStopRequest& request) {
  return Once("WorkerPool/ForceStop", request, &PoolCommands::ForceStopNow);
}

absl::StatusOr<v1::UpdatePoolResponse> PoolCommands::UpdatePool(
    const v1::UpdatePoolRequest& request) {
  return Once("WorkerPool/UpdatePool", request, &PoolCommands::UpdatePoolNow);
}

absl::Status PoolCommands::SaveStopped(bool stopped) {
  absl::Status saved = saved_.Save(pool_.pool_name(), {.stopped = stopped});
  if (saved.ok()) {
    spdlog::info("pool: saved for {}: {} with its server", pool_.pool_name(),
                 stopped ? "does not start" : "starts");
  }
  return saved;
}

absl::StatusOr<v1::StartResponse> PoolCommands::StartNow(const v1::StartRequest& request) {
  const Turns::Hold turn(changes_);
  if (request.save()) {
    if (absl::Status saved = SaveStopped(false); !saved.ok()) return saved;
  }
  const absl::Status started = pool_.Start();
  if (!started.ok()) {
    return AlthoughSaved(started, request.save(), "that it starts with its server");
  }
  v1::StartResponse response;
  response.set_worker_id(pool_.worker_id());
  response.set_concurrency(pool_.Stats().concurrency);
  return response;
}

absl::Status PoolCommands::CheckFields(const v1::StopRequest& request) {
  return ToStopTimeout(request).status();
}

absl::StatusOr<v1::StopResponse> PoolCommands::StopNow(const v1::StopRequest& request) {
  const absl::StatusOr<std::optional<absl::Duration>> timeout = ToStopTimeout(request);
  if (!timeout.ok()) return timeout.status();
  if (request.save()) {
    if (absl::Status saved = SaveStopped(true); !saved.ok()) return saved;
  }
  const absl::StatusOr<StopReport> report = pool_.Stop(*timeout);
  if (!report.ok()) {
    return AlthoughSaved(report.status(), request.save(), "that it does not start with its server");
  }
  return ToProto(*report);
}

absl::StatusOr<v1::ForceStopResponse> PoolCommands::ForceStopNow(const v1::ForceStopRequest&) {
  const absl::StatusOr<int> asked = pool_.ForceStop();
  if (!asked.ok()) return asked.status();
  v1::ForceStopResponse response;
  response.set_asked(*asked);
  return response;
}

absl::StatusOr<v1::StatsResponse> PoolCommands::Stats(const v1::StatsRequest&) {
  v1::StatsResponse response = ToProto(pool_.Stats());
  response.set_worker_id(pool_.worker_id());
  response.set_pool_name(pool_.pool_name());
  return response;
}

absl::Status PoolCommands::CheckFields(const v1::UpdatePoolRequest& request) {
  const absl::Status form = CheckForm(request);
  return form.ok() ? ToPoolChange(request).ValidateValues() : form;
}

absl::Status PoolCommands::CheckForm(const v1::UpdatePoolRequest& request) {
  const bool names_nothing = ToPoolChange(request).empty();
  if (request.save() && request.clear_saved()) {
    return absl::InvalidArgumentError("clear_saved: not together with save");
  }
  if (names_nothing && request.save()) {
    return absl::InvalidArgumentError(
        "save: name what to change and save: concurrency, task_identifiers or forbidden_flags");
  }
  if (names_nothing && !request.clear_saved()) {
    return absl::InvalidArgumentError(
        "name what to change: concurrency, task_identifiers, forbidden_flags or clear_saved");
  }
  return absl::OkStatus();
}

absl::Status PoolCommands::SaveChange(const PoolChange& change) {
  absl::Status saved = saved_.Save(pool_.pool_name(), {.concurrency = change.concurrency,
                                                       .task_identifiers = change.task_identifiers,
                                                       .forbidden_flags = change.forbidden_flags});
  if (saved.ok()) spdlog::info("pool: saved for {}: what is changed now", pool_.pool_name());
  return saved;
}

absl::StatusOr<v1::UpdatePoolResponse> PoolCommands::UpdatePoolNow(
    const v1::UpdatePoolRequest& request) {
  const PoolChange change = ToPoolChange(request);
  // Both, so that every bad field is named.
  std::vector<std::string> faults;
  for (const absl::Status& valid : {CheckForm(request), pool_.Validate(change)}) {
    if (!valid.ok()) faults.emplace_back(valid.message());
  }
  if (!faults.empty()) return absl::InvalidArgumentError(absl::StrJoin(faults, "; "));
  const Turns::Hold turn(changes_);
  if (request.clear_saved()) {
    if (absl::Status cleared = saved_.Clear(pool_.pool_name()); !cleared.ok()) return cleared;
    spdlog::info("pool: nothing is saved for {} any more", pool_.pool_name());
  }
  if (request.save()) {
    if (absl::Status saved = SaveChange(change); !saved.ok()) return saved;
  }
  if (!change.empty()) {
    const absl::Status updated = pool_.Update(change);
    if (!updated.ok()) return AlthoughSaved(updated, request.save(), "the change");
  }
  const v1::StatsResponse stats = ToProto(pool_.Stats());
  v1::UpdatePoolResponse response;
  response.set_worker_id(pool_.worker_id());
  response.set_concurrency(stats.concurrency());
  *response.mutable_task_identifiers() = stats.task_identifiers();
  *response.mutable_forbidden_flags() = stats.forbidden_flags();
  return response;
}

absl::StatusOr<std::string> PoolCommands::Run(const std::string& method,
                                              const std::string& request) {
  if (method == "Start") {
    return RunSerialized<v1::StartRequest>(request, [this](const auto& r) { return Start(r); });
  }
  if (method == "Stop") {
    return RunSerialized<v1::StopRequest>(request, [this](const auto& r) { return Stop(r); });
  }
  if (method == "ForceStop") {
    return RunSerialized<v1::ForceStopRequest>(request,
                                               [this](const auto& r) { return ForceStop(r); });
  }
  if (method == "Stats") {
    return RunSerialized<v1::StatsRequest>(request, [this](const auto& r) { return Stats(r); });
  }
  if (method == "UpdatePool") {
    return RunSerialized<v1::UpdatePoolRequest>(request,
                                                [this](const auto& r) { return UpdatePool(r); });
  }
  return absl::UnimplementedError(
      absl::StrCat("this server does not know what \"", method, "\" is"));
}

}  // namespace millrace
