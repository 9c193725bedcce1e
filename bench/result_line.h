#pragma once

#include <string>

#include "bench/bare_loop.h"

namespace millrace::bench {

// The figures of a run as one line of JSON, which the subcommand "report" reads.
std::string ResultLine(const std::string& workload, const LoopResult& result);

}  // namespace millrace::bench
