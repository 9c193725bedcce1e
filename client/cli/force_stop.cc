#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/pool_choice.h"
#include "client/library/worker_pool_client.h"

namespace millrace::cli {
namespace {

std::string AskedText(int asked) {
  return absl::StrCat("asked ", asked, asked == 1 ? " running job" : " running jobs", " to stop");
}

JsonObject AskedJson(int asked) { return JsonObject().Add("asked", asked); }

absl::Status ForceStop(const PoolChoice& choice, Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  client::WorkerPoolClient client(**connection);
  if (choice.all) {
    const auto replies = client.ForceStopAll();
    if (!replies.ok()) return replies.status();
    return WriteReplies(*replies, session, AskedText, AskedJson);
  }
  const absl::StatusOr<int> asked = client.ForceStop(choice.worker_id);
  if (!asked.ok()) return FromPool(asked.status(), choice.worker_id, session);
  if (session.json()) {
    session.Write(AskedJson(*asked));
  } else {
    session.out() << AskedText(*asked) << '\n';
  }
  return absl::OkStatus();
}

}  // namespace

void AddForceStopCommand(CLI::App& parent, Session& session) {
  CLI::App* const command = parent.add_subcommand(
      "force-stop",
      "Stop the worker pool without waiting: ask every running job to stop, now; exit code 5 if it "
      "does not run");
  const auto choice = AddPoolChoice(*command);
  command->callback([&session, choice] {
    session.set_action([choice](Session& running) { return ForceStop(*choice, running); });
  });
}

}  // namespace millrace::cli
