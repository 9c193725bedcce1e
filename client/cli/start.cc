#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/library/worker_pool_client.h"
#include "client/output/text.h"

namespace millrace::cli {
namespace {

absl::Status Start(Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<client::StartedPool> pool = client::WorkerPoolClient(**connection).Start();
  if (!pool.ok()) return pool.status();
  if (session.json()) {
    session.Write(
        JsonObject().Add("worker_id", pool->worker_id).Add("concurrency", pool->concurrency));
    return absl::OkStatus();
  }
  session.out() << "started: " << pool->concurrency << " workers, worker id "
                << VisibleText(pool->worker_id) << '\n';
  return absl::OkStatus();
}

}  // namespace

void AddStartCommand(CLI::App& parent, Session& session) {
  CLI::App* const command =
      parent.add_subcommand("start", "Start the worker pool; exit code 5 if it runs already");
  command->callback([&session] { session.set_action(Start); });
}

}  // namespace millrace::cli
