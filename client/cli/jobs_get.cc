#include <memory>

#include "client/cli/commands.h"
#include "client/library/job_queue_client.h"
#include "client/output/job_output.h"

namespace millrace::cli {
namespace {

absl::Status GetJob(JobId id, Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<client::JobWithAttempts> job =
      client::JobQueueClient(**connection).GetJob(id);
  if (!job.ok()) return job.status();
  if (!session.json()) {
    WriteJob(*job, session.clock().Now(), session.width(), session.colored(), session.out());
    return absl::OkStatus();
  }
  std::vector<JsonObject> attempts;
  for (const Attempt& attempt : job->attempts) attempts.push_back(AttemptJson(attempt));
  session.Write(JsonObject().AddObject("job", JobJson(job->job)).AddObjects("attempts", attempts));
  return absl::OkStatus();
}

}  // namespace

void AddJobsGetCommand(CLI::App& jobs, Session& session) {
  CLI::App* const command = jobs.add_subcommand(
      "get", "Show one job in any state, with its attempts; exit code 4 if there is none");
  const auto id = std::make_shared<JobId>();
  command->add_option("ID", *id, "The number of the job")
      ->required()
      ->check(CLI::Range(JobId{1}, (JobId{1} << 53) - 1, ""))
      ->type_name("");
  command->callback([&session, id] {
    session.set_action([id](Session& running) { return GetJob(*id, running); });
  });
}

}  // namespace millrace::cli
