#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/options.h"
#include "client/cli/pool_choice.h"
#include "client/library/worker_pool_client.h"

namespace millrace::cli {
namespace {

struct StopOptions {
  std::optional<absl::Duration> timeout;
  bool save = false;
};

std::string ReportText(const client::StopReport& report) {
  return absl::StrCat("stopped: ", report.finished, " finished, ", report.given_back,
                      " given back, ", report.interrupted, " interrupted, ", report.still_running,
                      " still running");
}

JsonObject ReportJson(const client::StopReport& report) {
  return JsonObject()
      .Add("finished", report.finished)
      .Add("given_back", report.given_back)
      .Add("interrupted", report.interrupted)
      .Add("still_running", report.still_running);
}

absl::Status Stop(const StopOptions& options, const PoolChoice& choice, Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  client::WorkerPoolClient client(**connection);
  session.set_patience(client.StopDeadline(options.timeout));
  session.set_doubt("the stop goes on at the server if it has begun");
  if (choice.all) {
    const auto replies = client.StopAll(options.timeout, options.save);
    if (!replies.ok()) return replies.status();
    return WriteReplies(*replies, session, ReportText, ReportJson);
  }
  const absl::StatusOr<client::StopReport> report =
      client.Stop(options.timeout, choice.worker_id, options.save);
  if (!report.ok()) return FromPool(report.status(), choice.worker_id, session);
  if (session.json()) {
    session.Write(ReportJson(*report));
  } else {
    session.out() << ReportText(*report) << '\n';
  }
  return absl::OkStatus();
}

}  // namespace

void AddStopCommand(CLI::App& parent, Session& session) {
  CLI::App* const command = parent.add_subcommand(
      "stop",
      "Stop the worker pool: give buffered jobs back, let running ones end until the timeout, then "
      "ask them to stop; exit code 5 if it does not run");
  const auto options = std::make_shared<StopOptions>();
  AddDurationOption(
      *command, "--timeout", absl::ZeroDuration(),
      [options](absl::Duration value) { options->timeout = value; },
      "How long running jobs may go on, such as 30s; by default the server's "
      "graceful_shutdown_timeout_ms. (Before \"stop\" it is the time to wait for the answer, by "
      "default as long as the stop may take: exit code 6 if it is over, while the stop goes on at "
      "the server.)");
  command->add_flag("--save", options->save,
                    "Also save, for the pool's name, that it does not start with its server, "
                    "whatever the server's autostart says");
  const auto choice = AddPoolChoice(*command);
  command->callback([&session, options, choice] {
    session.set_action(
        [options, choice](Session& running) { return Stop(*options, *choice, running); });
  });
}

}  // namespace millrace::cli
