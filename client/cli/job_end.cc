#include "client/cli/job_end.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/output/job_output.h"
#include "client/output/names.h"
#include "client/output/text.h"

namespace millrace::cli {
namespace {

// What an end is about: the result, the error or the reason.
std::string Remark(const client::WaitedJob& job) {
  if (!job.finished) return absl::StrCat("has not ended");
  if (!job.last_attempt.has_value()) return "";
  return job.job.state == JobState::kCompleted ? job.last_attempt->result
                                               : job.last_attempt->error_message;
}

// Later ones are worse.
ExitCode Worse(ExitCode a, ExitCode b) {
  for (const ExitCode code : {kExitJobNotEnded, kExitJobExhausted, kExitJobCancelled}) {
    if (a == code || b == code) return code;
  }
  return kExitOk;
}

}  // namespace

ExitCode ExitCodeOf(const client::WaitedJob& job) {
  if (!job.finished) return kExitJobNotEnded;
  if (job.job.state == JobState::kExhausted) return kExitJobExhausted;
  return job.job.state == JobState::kCancelled ? kExitJobCancelled : kExitOk;
}

void WriteEnd(const client::WaitedJob& job, std::ostream& out) {
  out << "job " << job.job.job.id << " (" << VisibleText(job.job.job.task_identifier)
      << "): " << Name(job.job.state);
  if (const std::string remark = Remark(job); !remark.empty()) out << ": " << VisibleText(remark);
  if (job.successor != 0) out << "; job " << job.successor << " has its key now";
  out << std::endl;
}

JsonObject EndJson(const client::WaitedJob& job) {
  JsonObject json;
  json.AddBool("finished", job.finished).AddObject("job", JobJson(job.job));
  if (job.last_attempt.has_value()) {
    json.AddObject("last_attempt", AttemptJson(*job.last_attempt));
  } else {
    json.AddNull("last_attempt");
  }
  return json.Add("successor_id", job.successor);
}

client::JobWait::Options WaitOptions(Session& session) {
  client::JobWait::Options options;
  options.first_attempts = kFirstAttempts;
  const auto said = std::make_shared<bool>(false);
  options.on_failure = [&session, said](const absl::Status& status) {
    if (std::exchange(*said, true)) return;
    session.Remark(absl::StrCat("no answer (", CauseOf(status), "), trying again"));
  };
  return options;
}

absl::Status WaitForEnds(const std::vector<JobId>& ids, std::optional<absl::Duration> timeout,
                         Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  const absl::Duration deadline =
      session.clock().Monotonic() + timeout.value_or(absl::InfiniteDuration());
  ExitCode worst = kExitOk;
  int missing = 0;
  for (const JobId id : ids) {
    client::JobWait wait(**connection, session.clock(), id, WaitOptions(session));
    const absl::StatusOr<client::WaitedJob> job =
        wait.Run(std::max(deadline - session.clock().Monotonic(), absl::ZeroDuration()));
    if (absl::IsNotFound(job.status()) && ids.size() > 1) {
      session.Remark(absl::StrCat("no job has the id ", id));
      ++missing;
      continue;
    }
    if (!job.ok()) return job.status();
    if (session.json()) {
      session.Write(EndJson(*job));
      session.out().flush();
    } else {
      WriteEnd(*job, session.out());
    }
    worst = Worse(worst, ExitCodeOf(*job));
  }
  session.set_exit_code(worst);
  if (missing == 0) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat(missing, " of ", ids.size(), " jobs do not exist"));
}

}  // namespace millrace::cli
