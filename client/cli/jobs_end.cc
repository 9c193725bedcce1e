#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/library/job_queue_client.h"
#include "client/output/names.h"
#include "server/model/job_ending.h"

namespace millrace::cli {
namespace {

struct EndOptions {
  JobEnding ending = JobEnding::kCancel;
  std::vector<JobId> ids;
  std::string reason;
};

// What became of the job, for people.
std::string Describe(JobId id, JobEnding ending, EndResult result) {
  const bool cancel = ending == JobEnding::kCancel;
  switch (result) {
    case EndResult::kEnded:
      return cancel ? absl::StrCat("cancelled job ", id)
                    : absl::StrCat("failed job ", id, " for good: it is exhausted");
    case EndResult::kRequested:
      return absl::StrCat("asked the pool that holds job ", id, " to stop it; it is ",
                          cancel ? "cancelled" : "exhausted", " unless it completes");
    case EndResult::kEndedBefore:
      return absl::StrCat("job ", id, " had ended before, and stays as it is");
    case EndResult::kNotFound:
      return absl::StrCat("no job has the id ", id);
    case EndResult::kBeingCancelled:
      return absl::StrCat("job ", id, " is being cancelled, and stays so");
  }
  return "";
}

// The worst that was answered, in words.
absl::Status StatusOf(const std::vector<JobId>& ids, const std::vector<EndResult>& results) {
  const auto count = [&](EndResult result) {
    return std::count(results.begin(), results.end(), result);
  };
  if (const auto missing = count(EndResult::kNotFound); missing > 0) {
    return absl::NotFoundError(absl::StrCat(missing, " of ", ids.size(), " jobs do not exist"));
  }
  if (const auto ended = count(EndResult::kEndedBefore); ended > 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(ended, " of ", ids.size(), " jobs had ended before"));
  }
  if (const auto left = count(EndResult::kBeingCancelled); left > 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(left, " of ", ids.size(), " jobs are being cancelled"));
  }
  return absl::OkStatus();
}

absl::Status EndJobs(const EndOptions& options, Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  const bool cancel = options.ending == JobEnding::kCancel;
  session.set_doubt(cancel ? "the jobs may have been cancelled all the same"
                           : "the jobs may have been failed all the same");
  client::JobQueueClient queue(**connection);
  const absl::StatusOr<std::vector<EndResult>> results =
      cancel ? queue.CancelJobs(options.ids, options.reason)
             : queue.PermanentlyFailJobs(options.ids, options.reason);
  if (!results.ok()) return results.status();
  for (size_t i = 0; i < options.ids.size(); ++i) {
    const EndResult result = (*results)[i];
    if (session.json()) {
      session.Write(
          JsonObject().Add("id", options.ids[i]).Add("result", Name(options.ending, result)));
    } else {
      session.out() << Describe(options.ids[i], options.ending, result) << '\n';
    }
  }
  return StatusOf(options.ids, *results);
}

void AddEndCommand(CLI::App& jobs, Session& session, JobEnding ending, const std::string& name,
                   const std::string& description, const std::string& reason,
                   const std::string& footer) {
  CLI::App* const command = jobs.add_subcommand(name, description);
  const auto options = std::make_shared<EndOptions>();
  options->ending = ending;
  command->add_option("ID", options->ids, "The numbers of the jobs")
      ->required()
      ->check(CLI::Range(JobId{1}, (JobId{1} << 53) - 1, ""))
      ->type_name("");
  command
      ->add_option("--reason", options->reason,
                   absl::StrCat("Goes to their history; by default \"", reason, "\""))
      ->type_name("TEXT");
  command->footer(footer);
  command->callback([&session, options] {
    session.set_action([options](Session& running) { return EndJobs(*options, running); });
  });
}

}  // namespace

void AddJobsCancelCommand(CLI::App& jobs, Session& session) {
  AddEndCommand(
      jobs, session, JobEnding::kCancel, "cancel",
      "Cancel jobs that have not ended; exit code 5 if some had, 4 if some do not exist",
      "cancelled by an operator",
      "A job that waits ends at once. One that a pool holds is given back, or its handler is "
      "asked\n"
      "to stop; it is cancelled then unless it completes.");
}

void AddJobsFailCommand(CLI::App& jobs, Session& session) {
  AddEndCommand(
      jobs, session, JobEnding::kFail, "fail",
      "Fail jobs for good, whatever attempts are left; exit code 5 if some had ended or are being "
      "cancelled, 4 if some do not exist",
      "failed by an operator",
      "A job that waits is exhausted at once. One that a pool holds is given back, or its handler "
      "is\n"
      "asked to stop; it is exhausted then unless it completes. One that is exhausted already, or\n"
      "being cancelled, stays as it is.");
}

}  // namespace millrace::cli
