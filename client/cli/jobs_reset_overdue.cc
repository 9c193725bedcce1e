#include "client/cli/commands.h"
#include "client/library/job_queue_client.h"

namespace millrace::cli {
namespace {

absl::Status ResetOverdueJobs(Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<int> freed = client::JobQueueClient(**connection).ResetOverdueJobs();
  if (!freed.ok()) return freed.status();
  if (session.json()) {
    session.Write(JsonObject().Add("freed", *freed));
  } else {
    session.out() << "freed " << *freed << (*freed == 1 ? " job\n" : " jobs\n");
  }
  return absl::OkStatus();
}

}  // namespace

void AddJobsResetOverdueCommand(CLI::App& jobs, Session& session) {
  CLI::App* const command = jobs.add_subcommand(
      "reset-overdue",
      "Free jobs that stopped pools have left locked for longer than the server's lock timeout");
  command->callback([&session] { session.set_action(ResetOverdueJobs); });
}

}  // namespace millrace::cli
