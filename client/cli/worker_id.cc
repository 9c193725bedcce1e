#include "client/cli/commands.h"
#include "client/library/worker_pool_client.h"
#include "client/output/text.h"

namespace millrace::cli {
namespace {

absl::Status WorkerId(Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<std::string> id = client::WorkerPoolClient(**connection).WorkerId();
  if (!id.ok()) return id.status();
  if (session.json()) {
    session.Write(JsonObject().Add("worker_id", *id));
  } else {
    session.out() << VisibleText(*id) << '\n';
  }
  return absl::OkStatus();
}

}  // namespace

void AddWorkerIdCommand(CLI::App& parent, Session& session) {
  CLI::App* const command = parent.add_subcommand(
      "worker-id", "Print the identity under which the server's pool claims jobs");
  command->callback([&session] { session.set_action(WorkerId); });
}

}  // namespace millrace::cli
