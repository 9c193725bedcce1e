#include "client/cli/pool_choice.h"

#include "absl/strings/match.h"

namespace millrace::cli {

std::shared_ptr<PoolChoice> AddPoolChoice(CLI::App& command) {
  auto choice = std::make_shared<PoolChoice>();
  CLI::Option* const all = command.add_flag(
      "--all", choice->all, "All pools whose servers share the database, with a reply for each");
  command
      .add_option("--worker-id", choice->worker_id,
                  "The pool with this worker id (see \"millrace pools list\"), by default that of "
                  "the server itself")
      ->excludes(all)
      ->type_name("ID");
  return choice;
}

absl::Status FromPool(const absl::Status& status, const std::string& worker_id, Session& session) {
  if (!worker_id.empty() && absl::StartsWith(status.message(), worker_id + ": ")) {
    session.set_said_in_full();
  }
  return status;
}

JsonObject ReplyJson(const std::string& worker_id, const std::string& pool_name,
                     const absl::Status& status, const JsonObject& answer) {
  JsonObject reply;
  reply.Add("worker_id", worker_id)
      .Add("pool_name", pool_name)
      .Add("code", absl::StatusCodeToString(status.code()))
      .Add("message", std::string(status.message()));
  return status.ok() ? reply.AddObject("reply", answer) : reply.AddNull("reply");
}

void ReplyFaults::Note(const std::string& worker_id, const absl::Status& status) {
  ++pools_;
  if (status.ok() || faults_++ > 0) return;
  first_ = absl::Status(status.code(), absl::StrCat(worker_id, ": ", status.message()));
}

absl::Status ReplyFaults::Summary(Session& session) const {
  if (faults_ == 0) return absl::OkStatus();
  session.set_said_in_full();
  const std::string count = absl::StrCat(faults_, " of ", pools_, " pools failed: ");
  return absl::Status(first_.code(), absl::StrCat(count, first_.message()));
}

}  // namespace millrace::cli
