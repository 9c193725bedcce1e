#pragma once

#include <iosfwd>
#include <string>

#include "absl/status/status.h"

namespace millrace::bench {

// Reads the lines that the workloads have printed, one run each, and writes a table of the figures
// and ratios: medians over the rounds, with the least and the most. The k-th runs of the workloads
// belong to one round. Writes the same as JSON to `json_path` unless that is empty.
// INVALID_ARGUMENT for a line that is none of ours.
absl::Status WriteReport(std::istream& lines, std::ostream& table, const std::string& json_path);

}  // namespace millrace::bench
