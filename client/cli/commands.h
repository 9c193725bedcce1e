#pragma once

#include "CLI/App.hpp"
#include "client/cli/session.h"

namespace millrace::cli {

// Each adds one subcommand below `parent`, with its options and its help; once the command line
// names it, the session has its action. One source file each.
void AddStartCommand(CLI::App& parent, Session& session);
void AddStopCommand(CLI::App& parent, Session& session);
void AddForceStopCommand(CLI::App& parent, Session& session);
void AddStatsCommand(CLI::App& parent, Session& session);
void AddSetCommand(CLI::App& parent, Session& session);
void AddPoolsListCommand(CLI::App& pools, Session& session);
void AddWorkerIdCommand(CLI::App& parent, Session& session);
void AddEventsCommand(CLI::App& parent, Session& session);
void AddRunCommand(CLI::App& parent, Session& session);
void AddJobsAddCommand(CLI::App& jobs, Session& session);
void AddJobsAddManyCommand(CLI::App& jobs, Session& session);
void AddJobsGetCommand(CLI::App& jobs, Session& session);
void AddJobsWaitCommand(CLI::App& jobs, Session& session);
void AddJobsListCommand(CLI::App& jobs, Session& session);
void AddJobsCancelCommand(CLI::App& jobs, Session& session);
void AddJobsFailCommand(CLI::App& jobs, Session& session);
void AddJobsResetOverdueCommand(CLI::App& jobs, Session& session);
// Completes what stands below `root`.
void AddCompletionCommand(CLI::App& root, Session& session);

}  // namespace millrace::cli
