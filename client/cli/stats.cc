#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/library/worker_pool_client.h"
#include "client/output/field_list.h"
#include "client/output/time_text.h"

namespace millrace::cli {
namespace {

JsonObject StatsJson(const client::PoolStats& stats) {
  return JsonObject()
      .Add("worker_id", stats.worker_id)
      .Add("pool_name", stats.pool_name)
      .AddBool("running", stats.running)
      .Add("concurrency", stats.concurrency)
      .Add("active", stats.active)
      .Add("buffered", stats.buffered)
      .Add("completed", stats.completed)
      .Add("failed", stats.failed)
      .Add("errors", stats.errors)
      .Add("claimed", stats.claimed)
      .Add("given_back", stats.given_back)
      .Add("stale_returned", stats.stale_returned)
      .Add("interrupted", stats.interrupted)
      .Add("stuck", stats.stuck)
      .Add("running_since", stats.running_since);
}

void WriteFields(const client::PoolStats& stats, Session& session) {
  FieldList fields(session.colored());
  fields.Add("worker id", stats.worker_id);
  fields.Add("pool name", stats.pool_name);
  std::string state = stats.running ? "running" : "stopped";
  if (stats.running_since.has_value()) {
    absl::StrAppend(&state, stats.running ? " since " : ", last started ",
                    TimeWithAge(*stats.running_since, session.clock().Now()));
  }
  fields.Add("state", state, stats.running ? Style::kGood : Style::kWarning);
  fields.Add("active", absl::StrCat(stats.active, " of ", stats.concurrency, " workers"));
  fields.Add("buffered", absl::StrCat(stats.buffered));
  fields.Add("claimed", absl::StrCat(stats.claimed));
  fields.Add("completed", absl::StrCat(stats.completed));
  fields.Add("failed", absl::StrCat(stats.failed));
  fields.Add("interrupted", absl::StrCat(stats.interrupted));
  fields.Add("given back", absl::StrCat(stats.given_back, " (", stats.stale_returned, " stale)"));
  fields.Add("errors", absl::StrCat(stats.errors), stats.errors > 0 ? Style::kBad : Style::kPlain);
  fields.Add("stuck", absl::StrCat(stats.stuck), stats.stuck > 0 ? Style::kBad : Style::kPlain);
  fields.Write(session.out());
}

absl::Status Stats(Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<client::PoolStats> stats = client::WorkerPoolClient(**connection).Stats();
  if (!stats.ok()) return stats.status();
  if (session.json()) {
    session.Write(StatsJson(*stats));
  } else {
    WriteFields(*stats, session);
  }
  return absl::OkStatus();
}

}  // namespace

void AddStatsCommand(CLI::App& parent, Session& session) {
  CLI::App* const command =
      parent.add_subcommand("stats", "Show the state and the counters of the worker pool");
  command->callback([&session] { session.set_action(Stats); });
}

}  // namespace millrace::cli
