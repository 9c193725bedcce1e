#include <csignal>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/interrupt_watcher.h"
#include "client/cli/job_end.h"
#include "client/cli/job_follower.h"
#include "client/cli/job_options.h"
#include "client/cli/options.h"
#include "client/library/job_queue_client.h"
#include "client/output/names.h"
#include "client/output/text.h"

namespace millrace::cli {
namespace {

struct RunOptions {
  JobOptions job;
  std::optional<absl::Duration> timeout;
  bool cancel_on_interrupt = false;
};

// Where the feed stands before the job is added, so that no event of it is missed. Where the feed
// cannot be had, the job is followed without: from now on is as good as nothing then.
absl::StatusOr<client::FeedPosition> FeedPosition(const client::Connection& connection,
                                                  Session& session) {
  client::EventSubscription::Options options;
  options.first_attempts = kFirstAttempts;
  client::EventSubscription probe(connection, session.clock(), client::EventQuery(), options);
  const absl::StatusOr<client::FeedMessage> message = probe.Next(session.options().timeout);
  if (absl::IsUnavailable(message.status())) return message.status();
  return probe.position();
}

// What becomes of the job when the command is interrupted.
absl::Status Leave(JobId job, const RunOptions& options, client::JobQueueClient& queue, int signal,
                   Session& session) {
  session.set_interrupted_by(signal);
  if (!options.cancel_on_interrupt) {
    session.Remark(absl::StrCat("job ", job, " goes on without this command; see its end with: ",
                                "millrace jobs wait ", job));
    return absl::CancelledError("interrupted");
  }
  const auto cancelled = queue.CancelJobs({job}, "its caller was interrupted");
  if (cancelled.ok()) {
    session.Remark(
        absl::StrCat("job ", job, ": ", std::string(Name(JobEnding::kCancel, cancelled->front()))));
  } else {
    session.Remark(absl::StrCat("job ", job, " could not be cancelled, and goes on: ",
                                session.Explain(cancelled.status())));
  }
  return absl::CancelledError("interrupted");
}

// The result on standard output and nothing else; how it ended on standard error.
void WriteOutcome(const client::WaitedJob& end, Session& session) {
  if (session.json()) return session.Write(EndJson(end));
  client::WaitedJob told = end;
  if (end.job.state == JobState::kCompleted && end.last_attempt.has_value()) {
    told.last_attempt->result.clear();
    const std::string& result = end.last_attempt->result;
    if (!result.empty()) session.out() << VisibleJson(result) << '\n';
  }
  session.out().flush();
  WriteEnd(told, session.console().err);
}

absl::Status Run(const RunOptions& options, Session& session) {
  const absl::StatusOr<JobSpec> spec = ReadJobSpec(options.job, session);
  if (!spec.ok()) return spec.status();
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<client::FeedPosition> position = FeedPosition(**connection, session);
  if (!position.ok()) return position.status();
  client::JobQueueClient queue(**connection);
  session.set_doubt("the job may have been added all the same");
  const absl::StatusOr<client::AddedJobDetails> added = queue.AddJob(*spec);
  if (!added.ok()) return added.status();
  const JobId job = added->job.job.id;
  session.set_doubt(absl::StrCat("job ", job, " was added, and goes on"));
  session.Remark(absl::StrCat(std::string(Name(added->result)), " job ", job));
  absl::StatusOr<client::WaitedJob> end = absl::UnknownError("");
  int signal = 0;
  {
    JobFollower follower(**connection, session, job, *position);
    const InterruptWatcher interrupt([&follower] { follower.Cancel(); });
    end = follower.Follow(options.timeout.value_or(absl::InfiniteDuration()));
    signal = interrupt.signal();
  }
  if (signal != 0) return Leave(job, options, queue, signal, session);
  if (!end.ok()) return end.status();
  WriteOutcome(*end, session);
  session.set_exit_code(ExitCodeOf(*end));
  return absl::OkStatus();
}

}  // namespace

void AddRunCommand(CLI::App& parent, Session& session) {
  CLI::App* const command = parent.add_subcommand(
      "run", "Add one job, follow it to its end on whichever server it runs, and print its result");
  const auto options = std::make_shared<RunOptions>();
  AddJobOptions(*command, options->job);
  AddDurationOption(
      *command, "--timeout", absl::Milliseconds(1),
      [options](absl::Duration value) { options->timeout = value; },
      "How long to wait for the end; by default for ever. (Before \"run\" it is the time to wait "
      "for an answer.)");
  command->add_flag("--cancel-on-interrupt", options->cancel_on_interrupt,
                    "Ctrl-C cancels the job; else it goes on");
  command->footer(
      "The result goes to standard output; what happens on the way to standard error, on a\n"
      "terminal as one line with a bar. Exit code 0 if the job has completed, 7 if it is "
      "exhausted,\n"
      "8 if it was cancelled, 9 if it had not ended in time. When the server goes away the "
      "command\n"
      "waits for its return.\n"
      "\n"
      "Examples:\n"
      "  millrace run resize_image @resize.json\n"
      "  millrace run import_csv '{\"path\": \"a.csv\"}' --timeout 10m --cancel-on-interrupt | jq "
      ".rows");
  command->callback([&session, options] {
    session.set_action([options](Session& running) { return Run(*options, running); });
  });
}

}  // namespace millrace::cli
