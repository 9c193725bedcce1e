#pragma once

#include <sys/types.h>

#include <vector>

#include "absl/time/time.h"

namespace millrace::bench {

// CPU time of a process, in user and system mode, as /proc tells it: in steps of 10 ms. Zero for a
// process that is gone.
absl::Duration ProcessCpu(pid_t pid);

// The same with all of its children that have ended and were waited for.
absl::Duration ProcessCpuWithEndedChildren(pid_t pid);

// CPU time of a process with one thread, to the nanosecond. Zero for a process that is gone.
absl::Duration PreciseProcessCpu(pid_t pid);

std::vector<pid_t> ChildrenOf(pid_t pid);

// Resident memory, and the most that it ever was. Zero for a process that is gone.
struct ResidentMemory {
  double now_mb = 0;
  double peak_mb = 0;
};
ResidentMemory ReadResidentMemory(pid_t pid);

}  // namespace millrace::bench
