#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bench/bare_loop.h"

namespace millrace::bench {

// What one run of one workload measured: names of figures with their values, which the subcommand
// "report" knows. A plain value.
struct Figures {
  std::string workload;
  std::vector<std::pair<std::string, double>> values;
};

// Those of a drain of so many jobs in that time.
Figures DrainFigures(const std::string& workload, int64_t jobs, absl::Duration elapsed);
Figures LoopFigures(const std::string& workload, const LoopResult& result);

double MicrosPerJob(absl::Duration duration, int64_t jobs);

// One line of JSON.
std::string ToJson(const Figures& figures);

}  // namespace millrace::bench
