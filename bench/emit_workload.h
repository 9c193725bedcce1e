#pragma once

#include <cstdint>
#include <vector>

#include "bench/figures.h"
#include "server/model/job_event.h"

namespace millrace::bench {

// What Emit costs its caller, in CPU time for each event, while nobody subscribes: of blocks as a
// busy pool emits them, and of single events.
Figures RunEmitWorkload(int64_t events);

// Events of jobs that were completed, as those of a drain.
std::vector<Event> CompletedJobs(int64_t first_id, int count);

}  // namespace millrace::bench
