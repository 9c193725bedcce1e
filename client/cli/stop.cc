#include <memory>
#include <optional>

#include "client/cli/commands.h"
#include "client/cli/options.h"
#include "client/library/worker_pool_client.h"

namespace millrace::cli {
namespace {

absl::Status Stop(std::optional<absl::Duration> timeout, Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<client::StopReport> report =
      client::WorkerPoolClient(**connection).Stop(timeout);
  if (!report.ok()) return report.status();
  if (session.json()) {
    session.Write(JsonObject()
                      .Add("finished", report->finished)
                      .Add("given_back", report->given_back)
                      .Add("interrupted", report->interrupted)
                      .Add("still_running", report->still_running));
    return absl::OkStatus();
  }
  session.out() << "stopped: " << report->finished << " finished, " << report->given_back
                << " given back, " << report->interrupted << " interrupted, "
                << report->still_running << " still running\n";
  return absl::OkStatus();
}

}  // namespace

void AddStopCommand(CLI::App& parent, Session& session) {
  CLI::App* const command = parent.add_subcommand(
      "stop",
      "Stop the worker pool: give buffered jobs back, let running ones end until the timeout, then "
      "ask them to stop; exit code 5 if it does not run");
  const auto timeout = std::make_shared<std::optional<absl::Duration>>();
  AddDurationOption(
      *command, "--timeout", absl::ZeroDuration(),
      [timeout](absl::Duration value) { *timeout = value; },
      "How long running jobs may go on, such as 30s; by default the server's "
      "graceful_shutdown_timeout_ms. (Before \"stop\" it is the time to wait for the answer.)");
  command->callback([&session, timeout] {
    session.set_action([timeout](Session& running) { return Stop(*timeout, running); });
  });
}

}  // namespace millrace::cli
