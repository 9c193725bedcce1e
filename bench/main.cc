#include <iostream>

#include "CLI/CLI.hpp"
#include "bench/own_workload.h"
#include "bench/result_line.h"
#include "bench/smallest_workload.h"
#include "server/base/logging.h"

namespace millrace::bench {
namespace {

void AddWorkloadOptions(CLI::App& command, WorkloadOptions& options) {
  command.add_option("--database-url", options.database_url, "the private cluster")->required();
  command.add_option("--jobs", options.jobs, "jobs to drain")->check(CLI::PositiveNumber);
  command.add_option("--jobs-per-row", options.jobs_per_row, "jobs to a ready row")
      ->check(CLI::Range(1, 100));
  command.add_option("--tasks", options.tasks, "tasks, each a lane of its own")
      ->check(CLI::PositiveNumber);
  command.add_option("--padding", options.padding, "bytes added to each payload")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--batch", options.batch, "jobs to a claim")->check(CLI::PositiveNumber);
  command.add_option("--connections", options.connections, "connections of a bare loop")
      ->check(CLI::PositiveNumber);
}

// 0, or 1 with the error on standard error.
int Print(const std::string& workload, const absl::StatusOr<LoopResult>& result) {
  if (!result.ok()) {
    std::cerr << "millrace-bench " << workload << ": " << result.status().message() << "\n";
    return 1;
  }
  std::cout << ResultLine(workload, *result) << "\n";
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App app("One workload of scripts/bench; prints its figures as one line of JSON.");
  app.require_subcommand(1);
  WorkloadOptions options;
  CLI::App* smallest = app.add_subcommand("smallest", "the bare loop on the smallest tables");
  AddWorkloadOptions(*smallest, options);
  CLI::App* own = app.add_subcommand("own", "the bare loop with the project's own statements");
  AddWorkloadOptions(*own, options);
  CLI11_PARSE(app, argc, argv);
  // Standard output is for the figures.
  if (!SetUpLogging("warn", "text").ok()) return 1;
  if (smallest->parsed()) return Print("smallest", RunSmallestWorkload(options));
  return Print("own", RunOwnWorkload(options));
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) { return millrace::bench::Main(argc, argv); }
