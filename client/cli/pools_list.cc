#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/library/worker_pool_client.h"
#include "client/output/table.h"
#include "client/output/time_text.h"

namespace millrace::cli {
namespace {

std::string_view Name(client::PoolState state) {
  switch (state) {
    case client::PoolState::kStopped:
      return "stopped";
    case client::PoolState::kRunning:
      return "running";
    case client::PoolState::kStopping:
      return "stopping";
    case client::PoolState::kLost:
      return "lost";
    case client::PoolState::kUnknown:
      break;
  }
  return "unknown";
}

Style StyleOf(client::PoolState state) {
  switch (state) {
    case client::PoolState::kRunning:
      return Style::kGood;
    case client::PoolState::kLost:
      return Style::kBad;
    default:
      return Style::kWarning;
  }
}

std::string LeaseText(const client::ListedPool& pool) {
  if (!pool.lease_ttl.has_value()) return pool.state == client::PoolState::kLost ? "ended" : "-";
  if (!pool.lease_expires_in.has_value()) return "?";
  const absl::Duration left = *pool.lease_expires_in;
  if (left < absl::ZeroDuration()) return absl::StrCat("ended ", DurationText(-left), " ago");
  return absl::StrCat(DurationText(left), " left");
}

void AddDuration(std::string_view name, std::optional<absl::Duration> duration, JsonObject& json) {
  if (duration.has_value()) {
    json.Add(name, *duration);
  } else {
    json.AddNull(name);
  }
}

JsonObject PoolJson(const client::ListedPool& pool) {
  JsonObject json;
  json.Add("worker_id", pool.worker_id)
      .Add("pool_name", pool.pool_name)
      .Add("host", pool.host)
      .Add("pid", pool.pid)
      .Add("version", pool.version)
      .Add("started_at", std::optional<absl::Time>(pool.started_at))
      .Add("state", Name(pool.state))
      .Add("concurrency", pool.concurrency)
      .Add("active", pool.active)
      .Add("buffered", pool.buffered);
  AddDuration("seen_ago", pool.seen_ago, json);
  if (!pool.lease_ttl.has_value()) return json.AddNull("lease");
  JsonObject lease;
  AddDuration("ttl", pool.lease_ttl, lease);
  AddDuration("renewed_ago", pool.lease_renewed_ago, lease);
  AddDuration("expires_in", pool.lease_expires_in, lease);
  return json.AddObject("lease", lease);
}

void WriteTable(const std::vector<client::ListedPool>& pools, Session& session) {
  using Align = Table::Align;
  Table table({{"POOL", Align::kLeft, 8},
               {"WORKER ID"},
               {"STATE"},
               {"ACTIVE", Align::kRight},
               {"BUFFERED", Align::kRight},
               {"HOST", Align::kLeft, 8},
               {"PID", Align::kRight},
               {"VERSION"},
               {"SINCE"},
               {"SEEN"},
               {"LEASE"}},
              session.width(), session.colored());
  const absl::Time now = session.clock().Now();
  for (const client::ListedPool& pool : pools) {
    const bool reports = pool.seen_ago.has_value();
    table.AddRow({{pool.pool_name},
                  {pool.worker_id},
                  {std::string(Name(pool.state)), StyleOf(pool.state)},
                  {reports ? absl::StrCat(pool.active, "/", pool.concurrency) : "-"},
                  {reports ? absl::StrCat(pool.buffered) : "-"},
                  {pool.host},
                  {absl::StrCat(pool.pid)},
                  {pool.version},
                  {Age(pool.started_at, now)},
                  {reports ? absl::StrCat(DurationText(*pool.seen_ago), " ago") : "-"},
                  {LeaseText(pool)}});
  }
  table.Flush(session.out());
}

absl::Status ListPools(Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<std::vector<client::ListedPool>> pools =
      client::WorkerPoolClient(**connection).ListPools();
  if (!pools.ok()) return pools.status();
  if (!session.json()) {
    WriteTable(*pools, session);
  } else {
    for (const client::ListedPool& pool : *pools) session.Write(PoolJson(pool));
  }
  return absl::OkStatus();
}

}  // namespace

void AddPoolsListCommand(CLI::App& pools, Session& session) {
  CLI::App* const command = pools.add_subcommand(
      "list", "List the pools of all servers that share the database, as they reported last");
  command->footer("With --output json, each pool is one JSON object on one line.");
  command->callback([&session] { session.set_action(ListPools); });
}

}  // namespace millrace::cli
