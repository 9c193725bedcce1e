// millrace-bench: the workloads that scripts/bench runs in turn, and the report of their figures.
#include <iostream>
#include <map>
#include <utility>

#include "CLI/CLI.hpp"
#include "bench/bare_pickup_workload.h"
#include "bench/bench_tasks.h"
#include "bench/emit_workload.h"
#include "bench/feed_workload.h"
#include "bench/own_workload.h"
#include "bench/pickup_workload.h"
#include "bench/report.h"
#include "bench/server_workload.h"
#include "bench/smallest_workload.h"
#include "server/base/logging.h"

namespace millrace::bench {
namespace {

// All that can be said to the subcommands.
struct Arguments {
  WorkloadOptions workload;
  ServerSettings server;
  int pickups = 300;
  FeedOptions feed;
  std::string json_path;
};

void AddDrainOptions(CLI::App& command, WorkloadOptions& options) {
  command.add_option("--database-url", options.database_url, "the private cluster")->required();
  command.add_option("--jobs", options.jobs, "jobs to drain")->check(CLI::PositiveNumber);
  command.add_option("--jobs-per-row", options.jobs_per_row, "jobs to a ready row")
      ->check(CLI::Range(1, 100));
  command.add_option("--tasks", options.tasks, "tasks, each a lane of its own")
      ->check(CLI::Range(1, kMostTasks));
  command.add_option("--padding", options.padding, "bytes added to each payload")
      ->check(CLI::NonNegativeNumber);
}

void AddLoopOptions(CLI::App& command, WorkloadOptions& options) {
  AddDrainOptions(command, options);
  command.add_option("--batch", options.batch, "jobs to a claim")->check(CLI::PositiveNumber);
  command.add_option("--connections", options.connections, "connections at the same time")
      ->check(CLI::PositiveNumber);
}

void AddPickupOptions(CLI::App& command, Arguments& arguments) {
  command.add_option("--database-url", arguments.workload.database_url, "the private cluster")
      ->required();
  command.add_option("--jobs", arguments.pickups, "single jobs to add")->check(CLI::PositiveNumber);
}

void AddSocketDirOption(CLI::App& command, ServerSettings& settings) {
  command.add_option("--socket-dir", settings.socket_dir,
                     "folder for sockets and pipes; a short path");
}

void AddServerOptions(CLI::App& command, ServerSettings& settings) {
  command.add_option("--server", settings.program, "millrace-bench-server")->required();
  AddSocketDirOption(command, settings);
  command.add_option("--concurrency", settings.concurrency, "the server's --concurrency");
  command.add_option("--queue-size", settings.queue_size, "the server's --queue-size");
}

void AddFeedOptions(CLI::App& command, FeedOptions& options) {
  command.add_option("--events", options.events, "events to read")->check(CLI::PositiveNumber);
  command.add_option("--subscribers", options.subscribers, "of the many")
      ->check(CLI::Range(1, 400));
  command.add_option("--socket-dir", options.socket_dir, "folder for the socket; a short path");
}

int Fail(const std::string& subcommand, const absl::Status& status) {
  std::cerr << "millrace-bench " << subcommand << ": " << status.message() << "\n";
  return 1;
}

int Print(const std::string& workload, const absl::StatusOr<Figures>& figures) {
  if (!figures.ok()) return Fail(workload, figures.status());
  std::cout << ToJson(*figures) << "\n";
  return 0;
}

int Print(const std::string& workload, const absl::StatusOr<LoopResult>& result) {
  if (!result.ok()) return Fail(workload, result.status());
  return Print(workload, LoopFigures(workload, *result));
}

int Run(const std::string& subcommand, const Arguments& arguments) {
  if (subcommand == "smallest") return Print(subcommand, RunSmallestWorkload(arguments.workload));
  if (subcommand == "own") return Print(subcommand, RunOwnWorkload(arguments.workload));
  const std::map<std::string, Watching> drains = {{"server", Watching::kNobody},
                                                  {"watched", Watching::kReads},
                                                  {"unread", Watching::kNeverReads}};
  if (const auto drain = drains.find(subcommand); drain != drains.end()) {
    return Print(subcommand, RunServerWorkload(subcommand, arguments.workload, arguments.server,
                                               drain->second));
  }
  if (subcommand == "feed") return Print(subcommand, RunFeedWorkload(arguments.feed));
  if (subcommand == "emit") return Print(subcommand, RunEmitWorkload(arguments.feed.events));
  const PickupOptions pickups = {.database_url = arguments.workload.database_url,
                                 .jobs = arguments.pickups};
  if (subcommand == "pickup")
    return Print(subcommand, RunPickupWorkload(pickups, arguments.server));
  if (subcommand == "bare_pickup")
    return Print(subcommand, RunBarePickupWorkload(pickups, arguments.server.socket_dir));
  const absl::Status written = WriteReport(std::cin, std::cout, arguments.json_path);
  return written.ok() ? 0 : Fail(subcommand, written);
}

int Main(int argc, char** argv) {
  CLI::App app("One workload of scripts/bench; prints its figures as one line of JSON.");
  app.require_subcommand(1);
  Arguments arguments;
  CLI::App& smallest = *app.add_subcommand("smallest", "the bare loop on the smallest tables");
  AddLoopOptions(smallest, arguments.workload);
  CLI::App& own = *app.add_subcommand("own", "the bare loop with the project's own statements");
  AddLoopOptions(own, arguments.workload);
  const std::pair<const char*, const char*> drains[] = {
      {"server", "a drain by the real server"},
      {"watched", "the same with a subscriber of its event feed"},
      {"unread", "the same with a subscriber that never reads"}};
  for (const auto& [name, help] : drains) {
    CLI::App& drain = *app.add_subcommand(name, help);
    AddDrainOptions(drain, arguments.workload);
    AddServerOptions(drain, arguments.server);
  }
  CLI::App& feed = *app.add_subcommand("feed", "the event feed to one subscriber and to many");
  AddFeedOptions(feed, arguments.feed);
  CLI::App& emit = *app.add_subcommand("emit", "what emitting an event costs");
  emit.add_option("--events", arguments.feed.events, "events to emit")->check(CLI::PositiveNumber);
  CLI::App& pickup = *app.add_subcommand("pickup", "how soon an idle server begins a job");
  AddPickupOptions(pickup, arguments);
  AddServerOptions(pickup, arguments.server);
  CLI::App& bare_pickup = *app.add_subcommand("bare_pickup", "the least that a pickup can take");
  AddPickupOptions(bare_pickup, arguments);
  AddSocketDirOption(bare_pickup, arguments.server);
  CLI::App& report = *app.add_subcommand("report", "a table of the lines on standard input");
  report.add_option("--json", arguments.json_path, "write the figures to this file too");
  CLI11_PARSE(app, argc, argv);
  // Standard output is for the figures.
  if (absl::Status logging = SetUpLogging("warn", "text"); !logging.ok())
    return Fail("logging", logging);
  return Run(app.get_subcommands().front()->get_name(), arguments);
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) { return millrace::bench::Main(argc, argv); }
