#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands.h"
#include "client/cli/pool_choice.h"
#include "client/library/worker_pool_client.h"
#include "client/output/field_list.h"
#include "client/output/table.h"
#include "client/output/time_text.h"

namespace millrace::cli {
namespace {

const char* StateOf(const client::PoolStats& stats) {
  if (stats.stopping) return "stopping";
  return stats.running ? "running" : "stopped";
}

Style StyleOf(const client::PoolStats& stats) {
  return stats.running && !stats.stopping ? Style::kGood : Style::kWarning;
}

JsonObject StatsJson(const client::PoolStats& stats) {
  return JsonObject()
      .Add("worker_id", stats.worker_id)
      .Add("pool_name", stats.pool_name)
      .AddBool("running", stats.running)
      .AddBool("stopping", stats.stopping)
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
      .Add("running_since", stats.running_since)
      .Add("task_identifiers", stats.task_identifiers)
      .Add("forbidden_flags", stats.forbidden_flags);
}

void WriteFields(const client::PoolStats& stats, Session& session) {
  FieldList fields(session.colored());
  fields.Add("worker id", stats.worker_id);
  fields.Add("pool name", stats.pool_name);
  std::string state = StateOf(stats);
  if (stats.running_since.has_value()) {
    const bool is_since_then = stats.running && !stats.stopping;
    absl::StrAppend(&state, is_since_then ? " since " : ", last started ",
                    TimeWithAge(*stats.running_since, session.clock().Now()));
  }
  fields.Add("state", state, StyleOf(stats));
  if (!stats.task_identifiers.empty()) {
    fields.Add("only tasks", absl::StrJoin(stats.task_identifiers, ", "));
  }
  if (!stats.forbidden_flags.empty()) {
    fields.Add("forbidden flags", absl::StrJoin(stats.forbidden_flags, ", "));
  }
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

// One line for each pool; what went wrong stands below.
void WriteTable(const std::vector<client::PoolReply<client::PoolStats>>& replies,
                Session& session) {
  using Align = Table::Align;
  Table table({{"POOL", Align::kLeft, 8},
               {"WORKER ID"},
               {"STATE"},
               {"ACTIVE", Align::kRight},
               {"BUFFERED", Align::kRight},
               {"COMPLETED", Align::kRight},
               {"FAILED", Align::kRight},
               {"INTERRUPTED", Align::kRight},
               {"ERRORS", Align::kRight},
               {"STUCK", Align::kRight}},
              session.width(), session.colored());
  for (const auto& reply : replies) {
    if (!reply.answer.ok()) {
      table.AddRow(
          {{reply.pool_name},
           {reply.worker_id},
           {std::string(absl::StatusCodeToString(reply.answer.status().code())), Style::kBad},
           {"-"},
           {"-"},
           {"-"},
           {"-"},
           {"-"},
           {"-"},
           {"-"}});
      continue;
    }
    const client::PoolStats& stats = *reply.answer;
    table.AddRow({{reply.pool_name},
                  {reply.worker_id},
                  {StateOf(stats), StyleOf(stats)},
                  {absl::StrCat(stats.active, "/", stats.concurrency)},
                  {absl::StrCat(stats.buffered)},
                  {absl::StrCat(stats.completed)},
                  {absl::StrCat(stats.failed)},
                  {absl::StrCat(stats.interrupted)},
                  {absl::StrCat(stats.errors), stats.errors > 0 ? Style::kBad : Style::kPlain},
                  {absl::StrCat(stats.stuck), stats.stuck > 0 ? Style::kBad : Style::kPlain}});
  }
  table.Flush(session.out());
}

absl::Status StatsOfAll(client::WorkerPoolClient& client, Session& session) {
  const auto replies = client.StatsAll();
  if (!replies.ok()) return replies.status();
  ReplyFaults faults;
  for (const auto& reply : *replies) {
    const absl::Status status = reply.answer.status();
    faults.Note(reply.worker_id, status);
    if (!session.json()) continue;
    session.Write(ReplyJson(reply.worker_id, reply.pool_name, status,
                            status.ok() ? StatsJson(*reply.answer) : JsonObject()));
  }
  if (!session.json()) WriteTable(*replies, session);
  return faults.Summary(session);
}

absl::Status Stats(const PoolChoice& choice, Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  client::WorkerPoolClient client(**connection);
  if (choice.all) return StatsOfAll(client, session);
  const absl::StatusOr<client::PoolStats> stats = client.Stats(choice.worker_id);
  if (!stats.ok()) return FromPool(stats.status(), choice.worker_id, session);
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
  const auto choice = AddPoolChoice(*command);
  command->callback([&session, choice] {
    session.set_action([choice](Session& running) { return Stats(*choice, running); });
  });
}

}  // namespace millrace::cli
