#include <memory>
#include <optional>
#include <string>

#include "client/cli/commands.h"
#include "client/cli/job_end.h"
#include "client/cli/job_options.h"
#include "client/cli/options.h"
#include "client/library/job_queue_client.h"
#include "client/output/job_output.h"
#include "client/output/names.h"
#include "client/output/text.h"
#include "client/output/time_text.h"

namespace millrace::cli {
namespace {

struct AddOptions {
  JobOptions job;
  bool wait = false;
  std::optional<absl::Duration> timeout;
};

// "created job 42 (send_email): ready"
void WriteAdded(const client::AddedJobDetails& added, Session& session) {
  const Job& job = added.job.job;
  session.out() << Name(added.result) << " job " << job.id << " ("
                << VisibleText(job.task_identifier) << ")";
  if (added.complete) session.out() << ": " << Name(added.job.state);
  if (added.complete && added.job.state == JobState::kScheduled) {
    session.out() << " for " << TimeWithAge(job.run_at, session.clock().Now());
  }
  session.out() << std::endl;
}

JsonObject AddedJson(const client::AddedJobDetails& added) {
  return JsonObject()
      .Add("result", Name(added.result))
      .AddBool("complete", added.complete)
      .AddObject("job", JobJson(added.job));
}

absl::Status AddJob(const AddOptions& options, Session& session) {
  const absl::StatusOr<JobSpec> spec = ReadJobSpec(options.job, session);
  if (!spec.ok()) return spec.status();
  if (!options.wait && options.timeout.has_value()) session.options().timeout = *options.timeout;
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  session.set_doubt("the job may have been added all the same");
  const absl::StatusOr<client::AddedJobDetails> added =
      client::JobQueueClient(**connection).AddJob(*spec);
  if (!added.ok()) return added.status();
  if (session.json()) {
    session.Write(AddedJson(*added));
  } else {
    WriteAdded(*added, session);
  }
  if (!options.wait) return absl::OkStatus();
  session.out().flush();
  session.set_doubt("");
  return WaitForEnds({added->job.job.id}, options.timeout, session);
}

}  // namespace

void AddJobsAddCommand(CLI::App& jobs, Session& session) {
  CLI::App* const command = jobs.add_subcommand("add", "Add one job");
  const auto options = std::make_shared<AddOptions>();
  AddJobOptions(*command, options->job);
  command->add_flag("--wait", options->wait,
                    "Wait until it has ended, and say how; exit codes 7 to 9 as for \"jobs wait\"");
  AddDurationOption(
      *command, "--timeout", absl::Milliseconds(1),
      [options](absl::Duration value) { options->timeout = value; },
      "With --wait: how long to wait for the end, by default for ever; else for the answer, by "
      "default 10s. (Before \"jobs\" it is the time to wait for the answer.)");
  command->footer(
      "Examples:\n"
      "  millrace jobs add send_email '{\"to\": \"a@example.com\"}' --run-at +10m\n"
      "  millrace jobs add import_csv @import.json --queue imports --key import-7\n"
      "  millrace jobs add resize_image @resize.json --wait --timeout 5m\n"
      "  jq -n '{url: \"https://example.com\"}' | millrace jobs add deliver_webhook -");
  command->callback([&session, options] {
    session.set_action([options](Session& running) { return AddJob(*options, running); });
  });
}

}  // namespace millrace::cli
