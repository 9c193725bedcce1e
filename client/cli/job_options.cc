#include "client/cli/job_options.h"

#include "absl/strings/str_cat.h"
#include "client/cli/arguments.h"
#include "client/cli/options.h"
#include "client/output/names.h"

namespace millrace::cli {
namespace {

// More than a server takes, so that it is the server that says no.
constexpr size_t kMostBytes = 32 * 1024 * 1024;

void AddKeyOptions(CLI::App& command, JobOptions& options) {
  CLI::Option* const key =
      AddTextOption(command, "--key", options.spec.job_key, "At most one live job has this key");
  AddChoiceOption(command, "--key-mode", options.key_mode, JobKeyModeNames(),
                  "What happens if a live job has the key already; by default replace")
      ->needs(key);
}

}  // namespace

void AddJobOptions(CLI::App& command, JobOptions& options) {
  JobSpec& spec = options.spec;
  command.add_option("TASK", spec.task_identifier, "The task identifier")
      ->required()
      ->type_name("");
  command
      .add_option("PAYLOAD", spec.payload,
                  "A JSON object; - for standard input, @FILE for a file; by default {}")
      ->type_name("");
  AddTextOption(command, "--queue", spec.queue_name, "The serial queue, whose jobs never overlap");
  command
      .add_option("--run-at", options.run_at,
                  "Not before this time: 2026-03-01T12:00:00Z, or +10m from now (by this "
                  "machine's clock)")
      ->type_name("TIME");
  command.add_option("--priority", spec.priority, "Lower runs first; -32768 to 32767")
      ->capture_default_str()
      ->check(CLI::Range(JobLimits::kMinPriority, JobLimits::kMaxPriority, ""))
      ->type_name("N");
  command
      .add_option("--max-attempts", spec.max_attempts,
                  "Attempts in all, up to 32767; by default what the server says, 25")
      ->check(CLI::Range(1, JobLimits::kMaxAttempts, ""))
      ->type_name("N");
  AddKeyOptions(command, options);
  AddListOption(command, "--flag", spec.flags, "A label by which pools refuse jobs");
  AddTextOption(command, "--correlation-id", spec.correlation_id,
                "Ties the jobs of one business action together");
  command.add_option("--metadata", spec.metadata, "A JSON object; - and @FILE as for PAYLOAD")
      ->type_name("JSON");
}

absl::StatusOr<JobSpec> ReadJobSpec(const JobOptions& options, Session& session) {
  JobSpec spec = options.spec;
  for (std::string* const text : {&spec.payload, &spec.metadata}) {
    absl::StatusOr<std::string> read = ReadText(*text, session.console().in, kMostBytes);
    if (!read.ok()) return read.status();
    *text = *std::move(read);
  }
  spec.job_key_mode = ParseJobKeyMode(options.key_mode);
  if (options.run_at.empty()) return spec;
  const absl::StatusOr<absl::Time> run_at = ParseTime(options.run_at, session.clock().Now());
  if (!run_at.ok())
    return absl::InvalidArgumentError(absl::StrCat("--run-at: ", run_at.status().message()));
  spec.run_at = *run_at;
  return spec;
}

}  // namespace millrace::cli
