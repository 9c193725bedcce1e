#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/library/job_queue_client.h"
#include "client/output/names.h"

namespace millrace::cli {
namespace {

using client::CancelResult;

struct CancelOptions {
  std::vector<JobId> ids;
  std::string reason;
};

// What became of the job, for people.
std::string Describe(JobId id, CancelResult result) {
  switch (result) {
    case CancelResult::kCancelled:
      return absl::StrCat("cancelled job ", id);
    case CancelResult::kRequested:
      return absl::StrCat("asked the pool that holds job ", id,
                          " to stop it; it is cancelled unless it completes");
    case CancelResult::kEndedBefore:
      return absl::StrCat("job ", id, " had ended before, and stays as it is");
    case CancelResult::kNotFound:
      return absl::StrCat("no job has the id ", id);
  }
  return "";
}

// The worst that was answered, in words.
absl::Status StatusOf(const std::vector<JobId>& ids, const std::vector<CancelResult>& results) {
  const auto count = [&](CancelResult result) {
    return std::count(results.begin(), results.end(), result);
  };
  if (const auto missing = count(CancelResult::kNotFound); missing > 0) {
    return absl::NotFoundError(absl::StrCat(missing, " of ", ids.size(), " jobs do not exist"));
  }
  if (const auto ended = count(CancelResult::kEndedBefore); ended > 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(ended, " of ", ids.size(), " jobs had ended before"));
  }
  return absl::OkStatus();
}

absl::Status CancelJobs(const CancelOptions& options, Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  session.set_doubt("the jobs may have been cancelled all the same");
  const absl::StatusOr<std::vector<CancelResult>> results =
      client::JobQueueClient(**connection).CancelJobs(options.ids, options.reason);
  if (!results.ok()) return results.status();
  for (size_t i = 0; i < options.ids.size(); ++i) {
    if (session.json()) {
      session.Write(JsonObject().Add("id", options.ids[i]).Add("result", Name((*results)[i])));
    } else {
      session.out() << Describe(options.ids[i], (*results)[i]) << '\n';
    }
  }
  return StatusOf(options.ids, *results);
}

}  // namespace

void AddJobsCancelCommand(CLI::App& jobs, Session& session) {
  CLI::App* const command = jobs.add_subcommand(
      "cancel", "Cancel jobs that have not ended; exit code 5 if some had, 4 if some do not exist");
  const auto options = std::make_shared<CancelOptions>();
  command->add_option("ID", options->ids, "The numbers of the jobs")
      ->required()
      ->check(CLI::Range(JobId{1}, (JobId{1} << 53) - 1, ""))
      ->type_name("");
  command
      ->add_option("--reason", options->reason,
                   "Goes to their history; by default \"cancelled by an operator\"")
      ->type_name("TEXT");
  command->footer(
      "A job that waits ends at once. One that a pool holds is given back, or its handler is "
      "asked\n"
      "to stop; it is cancelled then unless it completes.");
  command->callback([&session, options] {
    session.set_action([options](Session& running) { return CancelJobs(*options, running); });
  });
}

}  // namespace millrace::cli
