#include "client/cli/commands.h"
#include "client/library/worker_pool_client.h"

namespace millrace::cli {
namespace {

absl::Status ForceStop(Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<int> asked = client::WorkerPoolClient(**connection).ForceStop();
  if (!asked.ok()) return asked.status();
  if (session.json()) {
    session.Write(JsonObject().Add("asked", *asked));
    return absl::OkStatus();
  }
  session.out() << "asked " << *asked << (*asked == 1 ? " running job" : " running jobs")
                << " to stop\n";
  return absl::OkStatus();
}

}  // namespace

void AddForceStopCommand(CLI::App& parent, Session& session) {
  CLI::App* const command = parent.add_subcommand(
      "force-stop",
      "Stop the worker pool without waiting: ask every running job to stop, now; exit code 5 if it "
      "does not run");
  command->callback([&session] { session.set_action(ForceStop); });
}

}  // namespace millrace::cli
