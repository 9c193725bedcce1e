#pragma once

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cli/exit_code.h"
#include "client/cli/session.h"
#include "client/library/job_records.h"
#include "client/library/job_wait.h"
#include "server/model/job.h"

namespace millrace::cli {

// Tries to reach the server before a command that waits for a job gives up; once the server has
// answered, it never does.
inline constexpr int kFirstAttempts = 3;

// 0 for a job that has completed, else one of the codes of jobs that were waited for.
ExitCode ExitCodeOf(const client::WaitedJob& job);

// "job 42 (send_email): exhausted: no such host"
void WriteEnd(const client::WaitedJob& job, std::ostream& out);
// For programs.
JsonObject EndJson(const client::WaitedJob& job);

// How a command waits: it says so when the server is lost.
client::JobWait::Options WaitOptions(Session& session);

// Waits for the jobs, one after the other, at most for `timeout` in all, writes how each has ended,
// and sets the exit code that says the worst: not ended, then exhausted, then cancelled. Errors as
// JobWait; NOT_FOUND, for some of several, when the others have ended.
absl::Status WaitForEnds(const std::vector<JobId>& ids, std::optional<absl::Duration> timeout,
                         Session& session);

}  // namespace millrace::cli
