#include <memory>
#include <optional>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/job_end.h"
#include "client/cli/options.h"

namespace millrace::cli {
namespace {

struct JobsWaitOptions {
  std::vector<JobId> ids;
  std::optional<absl::Duration> timeout;
};

}  // namespace

void AddJobsWaitCommand(CLI::App& jobs, Session& session) {
  CLI::App* const command = jobs.add_subcommand(
      "wait", "Wait until jobs have ended, on whichever servers they run, and say how");
  const auto options = std::make_shared<JobsWaitOptions>();
  command->add_option("ID", options->ids, "The numbers of the jobs")
      ->required()
      ->check(CLI::Range(JobId{1}, (JobId{1} << 53) - 1, ""))
      ->type_name("");
  AddDurationOption(
      *command, "--timeout", absl::ZeroDuration(),
      [options](absl::Duration value) { options->timeout = value; },
      "How long to wait, for all together; by default for ever. (Before \"jobs\" it is the time to "
      "wait for an answer.)");
  command->footer(
      "Exit code 0 if all have completed; else 9 if one had not ended in time, 7 if one is\n"
      "exhausted, or 8 if one was cancelled; 4 if one does not exist. When the server goes away\n"
      "the command waits for its return.");
  command->callback([&session, options] {
    session.set_action([options](Session& running) {
      return WaitForEnds(options->ids, options->timeout, running);
    });
  });
}

}  // namespace millrace::cli
