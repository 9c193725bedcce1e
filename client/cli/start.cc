#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/pool_choice.h"
#include "client/library/worker_pool_client.h"
#include "client/output/text.h"

namespace millrace::cli {
namespace {

JsonObject StartedJson(const client::StartedPool& pool) {
  return JsonObject().Add("worker_id", pool.worker_id).Add("concurrency", pool.concurrency);
}

absl::Status Start(const PoolChoice& choice, bool save, Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  client::WorkerPoolClient client(**connection);
  if (choice.all) {
    const auto replies = client.StartAll(save);
    if (!replies.ok()) return replies.status();
    return WriteReplies(
        *replies, session,
        [](const client::StartedPool& pool) {
          return absl::StrCat("started: ", pool.concurrency, " workers");
        },
        StartedJson);
  }
  const absl::StatusOr<client::StartedPool> pool = client.Start(choice.worker_id, save);
  if (!pool.ok()) return FromPool(pool.status(), choice.worker_id, session);
  if (session.json()) {
    session.Write(StartedJson(*pool));
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
  const auto choice = AddPoolChoice(*command);
  const auto save = std::make_shared<bool>(false);
  command->add_flag("--save", *save,
                    "Also save, for the pool's name, that it starts with its server, whatever the "
                    "server's autostart says");
  command->callback([&session, choice, save] {
    session.set_action([choice, save](Session& running) { return Start(*choice, *save, running); });
  });
}

}  // namespace millrace::cli
