#pragma once

#include "absl/status/status.h"

namespace millrace::cli {

// What scripts learn from the command; kExitCodesHelp tells people.
enum ExitCode : int {
  kExitOk = 0,
  kExitError = 1,
  kExitUsage = 2,
  kExitUnavailable = 3,
  kExitNotFound = 4,
  kExitPrecondition = 5,
  kExitTimeout = 6,
  // Of the commands that wait for jobs.
  kExitJobExhausted = 7,
  kExitJobCancelled = 8,
  kExitJobNotEnded = 9,
};

ExitCode ExitCodeOf(const absl::Status& status);

inline constexpr char kExitCodesHelp[] =
    "Exit codes:\n"
    "  0    done\n"
    "  1    the server refused, or something else went wrong\n"
    "  2    bad usage: unknown options, or values that are wrong (the server's INVALID_ARGUMENT "
    "too)\n"
    "  3    the server, or its database, cannot be reached\n"
    "  4    there is no such job, or no such pool\n"
    "  5    not possible now, such as \"already running\" or \"not running\"\n"
    "  6    no answer within --timeout; a change may have been made all the same\n"
    "  7    a job that was waited for is exhausted: it failed, and has no attempts left\n"
    "  8    a job that was waited for was cancelled\n"
    "  9    a job that was waited for had not ended in time\n"
    "  130  ended by Ctrl-C, 143 by SIGTERM (the process ends by the signal, as shells expect)";

}  // namespace millrace::cli
