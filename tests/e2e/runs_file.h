#pragma once

#include <map>
#include <string>

namespace millrace {

// What the handlers of a millrace-e2e-server have put down in the file E2E_RUNS_FILE, whatever the
// database took: how often each job has begun to run, by its number.
std::map<std::string, int> ReadRuns(const std::string& path);

// The sum over all jobs.
int CountRuns(const std::map<std::string, int>& runs);

}  // namespace millrace
