#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/arguments.h"
#include "client/cli/commands.h"
#include "client/cli/options.h"
#include "client/library/job_queue_client.h"
#include "client/output/job_output.h"
#include "client/output/names.h"
#include "client/output/text.h"
#include "client/output/time_text.h"

namespace millrace::cli {
namespace {

// More than a server takes, so that it is the server that says no.
constexpr size_t kMostBytes = 32 * 1024 * 1024;

struct AddOptions {
  JobSpec spec;
  std::string run_at;
  std::string key_mode;
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
  session.out() << '\n';
}

JsonObject AddedJson(const client::AddedJobDetails& added) {
  return JsonObject()
      .Add("result", Name(added.result))
      .AddBool("complete", added.complete)
      .AddObject("job", JobJson(added.job));
}

// Reads what stands in files, and what depends on the time.
absl::Status Complete(const AddOptions& options, JobSpec& spec, Session& session) {
  for (std::string* const text : {&spec.payload, &spec.metadata}) {
    absl::StatusOr<std::string> read = ReadText(*text, session.console().in, kMostBytes);
    if (!read.ok()) return read.status();
    *text = *std::move(read);
  }
  spec.job_key_mode = ParseJobKeyMode(options.key_mode);
  if (options.run_at.empty()) return absl::OkStatus();
  const absl::StatusOr<absl::Time> run_at = ParseTime(options.run_at, session.clock().Now());
  if (!run_at.ok())
    return absl::InvalidArgumentError(absl::StrCat("--run-at: ", run_at.status().message()));
  spec.run_at = *run_at;
  return absl::OkStatus();
}

absl::Status AddJob(const AddOptions& options, Session& session) {
  JobSpec spec = options.spec;
  if (absl::Status completed = Complete(options, spec, session); !completed.ok()) return completed;
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  session.set_doubt("the job may have been added all the same");
  const absl::StatusOr<client::AddedJobDetails> added =
      client::JobQueueClient(**connection).AddJob(spec);
  if (!added.ok()) return added.status();
  if (session.json()) {
    session.Write(AddedJson(*added));
  } else {
    WriteAdded(*added, session);
  }
  return absl::OkStatus();
}

void AddKeyOptions(CLI::App& command, AddOptions& options) {
  CLI::Option* const key =
      AddTextOption(command, "--key", options.spec.job_key, "At most one live job has this key");
  AddChoiceOption(command, "--key-mode", options.key_mode, JobKeyModeNames(),
                  "What happens if a live job has the key already; by default replace")
      ->needs(key);
}

}  // namespace

void AddJobsAddCommand(CLI::App& jobs, Session& session) {
  CLI::App* const command = jobs.add_subcommand("add", "Add one job");
  const auto options = std::make_shared<AddOptions>();
  JobSpec& spec = options->spec;
  command->add_option("TASK", spec.task_identifier, "The task identifier")
      ->required()
      ->type_name("");
  command
      ->add_option("PAYLOAD", spec.payload,
                   "A JSON object; - for standard input, @FILE for a file; by default {}")
      ->type_name("");
  AddTextOption(*command, "--queue", spec.queue_name, "The serial queue, whose jobs never overlap");
  command
      ->add_option("--run-at", options->run_at,
                   "Not before this time: 2026-03-01T12:00:00Z, or +10m from now (by this "
                   "machine's clock)")
      ->type_name("TIME");
  command->add_option("--priority", spec.priority, "Lower runs first; -32768 to 32767")
      ->capture_default_str()
      ->check(CLI::Range(JobLimits::kMinPriority, JobLimits::kMaxPriority, ""))
      ->type_name("N");
  command
      ->add_option("--max-attempts", spec.max_attempts,
                   "Attempts in all, up to 32767; by default what the server says, 25")
      ->check(CLI::Range(1, JobLimits::kMaxAttempts, ""))
      ->type_name("N");
  AddKeyOptions(*command, *options);
  AddListOption(*command, "--flag", spec.flags, "A label by which pools refuse jobs");
  AddTextOption(*command, "--correlation-id", spec.correlation_id,
                "Ties the jobs of one business action together");
  command->add_option("--metadata", spec.metadata, "A JSON object; - and @FILE as for PAYLOAD")
      ->type_name("JSON");
  command->footer(
      "Examples:\n"
      "  millrace jobs add send_email '{\"to\": \"a@example.com\"}' --run-at +10m\n"
      "  millrace jobs add import_csv @import.json --queue imports --key import-7\n"
      "  jq -n '{url: \"https://example.com\"}' | millrace jobs add deliver_webhook -");
  command->callback([&session, options] {
    session.set_action([options](Session& running) { return AddJob(*options, running); });
  });
}

}  // namespace millrace::cli
