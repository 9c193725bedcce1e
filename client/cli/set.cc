#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/cli/commands.h"
#include "client/cli/pool_choice.h"
#include "client/library/worker_pool_client.h"
#include "client/output/text.h"

namespace millrace::cli {
namespace {

std::string ListText(const std::vector<std::string>& names, const char* if_empty) {
  return names.empty() ? if_empty : absl::StrJoin(names, ",");
}

std::string ChangedText(const client::ChangedPool& pool) {
  return absl::StrCat("now: ", pool.concurrency, pool.concurrency == 1 ? " worker" : " workers",
                      "; tasks: ", ListText(pool.task_identifiers, "all"),
                      "; forbidden flags: ", ListText(pool.forbidden_flags, "none"));
}

JsonObject ChangedJson(const client::ChangedPool& pool) {
  return JsonObject()
      .Add("worker_id", pool.worker_id)
      .Add("concurrency", pool.concurrency)
      .Add("task_identifiers", pool.task_identifiers)
      .Add("forbidden_flags", pool.forbidden_flags);
}

absl::Status Set(const client::PoolChange& change, const PoolChoice& choice, Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  client::WorkerPoolClient client(**connection);
  if (choice.all) {
    const auto replies = client.UpdateAll(change);
    if (!replies.ok()) return replies.status();
    return WriteReplies(*replies, session, ChangedText, ChangedJson);
  }
  const absl::StatusOr<client::ChangedPool> pool = client.Update(change, choice.worker_id);
  if (!pool.ok()) return FromPool(pool.status(), choice.worker_id, session);
  if (session.json()) {
    session.Write(ChangedJson(*pool));
  } else {
    session.out() << VisibleText(ChangedText(*pool)) << '\n';
  }
  return absl::OkStatus();
}

// Names with commas between them, or none at all.
void AddNamesOption(CLI::App& command, const std::string& name,
                    std::optional<std::vector<std::string>>& names, const std::string& help) {
  command
      .add_option_function<std::string>(
          name,
          [&names](const std::string& text) {
            names.emplace();
            const std::vector<std::string> parts =
                absl::StrSplit(text, ',', absl::SkipWhitespace());
            for (const std::string& part : parts) {
              names->emplace_back(absl::StripAsciiWhitespace(part));
            }
          },
          help)
      ->type_name("NAMES");
}

}  // namespace

void AddSetCommand(CLI::App& parent, Session& session) {
  CLI::App* const command = parent.add_subcommand(
      "set", "Change the worker pool while it runs, or is stopped; what is not named stays");
  const auto change = std::make_shared<client::PoolChange>();
  command
      ->add_option_function<int>(
          "--concurrency", [change](int value) { change->concurrency = value; },
          "Jobs that run at the same time. More begin at once; of fewer, those that run end first")
      ->type_name("N");
  AddNamesOption(*command, "--tasks", change->task_identifiers,
                 "Run only jobs of these tasks, with commas between them; \"\" for all tasks");
  AddNamesOption(*command, "--forbidden-flags", change->forbidden_flags,
                 "Leave jobs with any of these flags alone; \"\" for none");
  CLI::Option* const save = command->add_flag(
      "--save", change->save,
      "Also save what is named, for the pool's name: it holds when a server of this pool starts, "
      "whatever its own settings say");
  command
      ->add_flag("--clear-saved", change->clear_saved,
                 "Forget all that is saved for the pool's name, also by start and stop; what holds "
                 "now stays until the server starts again")
      ->excludes(save);
  const auto choice = AddPoolChoice(*command);
  command->callback([&session, change, choice] {
    session.set_action(
        [change, choice](Session& running) { return Set(*change, *choice, running); });
  });
}

}  // namespace millrace::cli
