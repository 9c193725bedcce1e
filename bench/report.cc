#include "bench/report.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <istream>
#include <map>
#include <optional>
#include <ostream>
#include <vector>

#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace millrace::bench {
namespace {

using Json = nlohmann::ordered_json;

// The runs of each workload, in their order.
using Runs = std::map<std::string, std::vector<Json>>;

// One line of the table: a value for each round.
struct Row {
  // In JSON.
  std::string key;
  std::string title;
  std::string format;
  std::function<std::optional<double>(const Runs& runs, size_t round)> value;
};

std::optional<double> Value(const Runs& runs, const std::string& workload, const std::string& name,
                            size_t round) {
  const auto found = runs.find(workload);
  if (found == runs.end() || round >= found->second.size()) return std::nullopt;
  const Json& run = found->second[round];
  if (!run.contains(name)) return std::nullopt;
  return run[name].get<double>();
}

Row Figure(const std::string& workload, const std::string& name, const std::string& title,
           const std::string& format) {
  return {workload + "." + name, title, format,
          [=](const Runs& runs, size_t round) { return Value(runs, workload, name, round); }};
}

Row Ratio(const std::string& name, const std::string& above, const std::string& below,
          const std::string& title) {
  return {above + "/" + below + "." + name, title, "%.2f",
          [=](const Runs& runs, size_t round) -> std::optional<double> {
            const auto a = Value(runs, above, name, round);
            const auto b = Value(runs, below, name, round);
            if (!a.has_value() || !b.has_value()) return std::nullopt;
            return *a / *b;
          }};
}

std::vector<Row> Rows() {
  std::vector<Row> rows;
  const std::pair<const char*, const char*> drains[] = {{"smallest", "bare loop, smallest tables"},
                                                        {"own", "bare loop, own statements"},
                                                        {"server", "server, no-op handlers"},
                                                        {"watched", "server, with a subscriber"},
                                                        {"unread", "server, with one not reading"}};
  for (const auto& [workload, title] : drains) {
    const std::string what(title);
    rows.push_back(Figure(workload, "jobs_per_second", what + ": jobs/s", "%.0f"));
    rows.push_back(Figure(workload, "cpu_us", what + ": CPU, us/job", "%.2f"));
    rows.push_back(Figure(workload, "database_cpu_us", "  of it the database", "%.2f"));
    rows.push_back(Figure(workload, "program_cpu_us", "  of it the program", "%.2f"));
    rows.push_back(Figure(workload, "slowdown", "  time per job, end / begin of drain", "%.2f"));
    rows.push_back(Figure(workload, "memory_mb", "  most resident memory, MB", "%.1f"));
  }
  rows.push_back(Ratio("jobs_per_second", "server", "smallest", "jobs/s: server / smallest"));
  rows.push_back(Ratio("jobs_per_second", "own", "smallest", "jobs/s: own / smallest"));
  rows.push_back(Ratio("jobs_per_second", "server", "own", "jobs/s: server / own"));
  rows.push_back(
      Ratio("jobs_per_second", "watched", "server", "jobs/s: with a subscriber / without"));
  rows.push_back(
      Ratio("jobs_per_second", "unread", "server", "jobs/s: with one not reading / without"));
  rows.push_back(Figure("watched", "events_missed", "events that the subscriber missed", "%.0f"));
  rows.push_back(Ratio("cpu_us", "own", "smallest", "CPU: own / smallest"));
  rows.push_back(Ratio("cpu_us", "server", "smallest", "CPU: server / smallest"));
  rows.push_back(Figure("bare_pickup", "p50_ms", "bare pickup by NOTIFY, p50, ms", "%.2f"));
  rows.push_back(Figure("bare_pickup", "p99_ms", "bare pickup by NOTIFY, p99, ms", "%.2f"));
  rows.push_back(Figure("pickup", "p50_ms", "idle pickup, p50, ms", "%.2f"));
  rows.push_back(Figure("pickup", "p99_ms", "idle pickup, p99, ms", "%.2f"));
  rows.push_back(Ratio("p50_ms", "pickup", "bare_pickup", "p50: idle pickup / bare pickup"));
  rows.push_back(Figure("feed", "one_per_second", "feed to one subscriber: events/s", "%.0f"));
  rows.push_back(
      Figure("feed", "library_per_second", "feed to one by the client library: events/s", "%.0f"));
  rows.push_back(
      Figure("feed", "each_of_many_per_second", "feed to each of many: events/s", "%.0f"));
  rows.push_back(Figure("emit", "in_blocks_ns", "emitting, nobody listens: ns/event", "%.0f"));
  rows.push_back(Figure("emit", "single_ns", "  one event at a time", "%.0f"));
  return rows;
}

double Median(std::vector<double> sorted) {
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// Sorted.
std::vector<double> ValuesOf(const Row& row, const Runs& runs, size_t rounds) {
  std::vector<double> values;
  for (size_t round = 0; round < rounds; ++round) {
    if (const auto value = row.value(runs, round); value.has_value()) values.push_back(*value);
  }
  std::sort(values.begin(), values.end());
  return values;
}

std::string Format(const std::string& format, double value) {
  return absl::StrFormat(*absl::ParsedFormat<'f'>::New(format), value);
}

absl::Status ReadRuns(std::istream& lines, Runs& runs) {
  for (std::string line; std::getline(lines, line);) {
    Json run = Json::parse(line, nullptr, false);
    if (!run.is_object() || !run.contains("workload"))
      return absl::InvalidArgumentError("not a line of figures: " + line);
    runs[run["workload"].get<std::string>()].push_back(std::move(run));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteReport(std::istream& lines, std::ostream& table, const std::string& json_path) {
  Runs runs;
  if (absl::Status read = ReadRuns(lines, runs); !read.ok()) return read;
  size_t rounds = 0;
  for (const auto& [workload, list] : runs) rounds = std::max(rounds, list.size());

  Json report{{"rounds", rounds}};
  table << absl::StrFormat("%-46s %12s %12s %12s\n", absl::StrFormat("%d rounds", rounds), "median",
                           "least", "most");
  for (const Row& row : Rows()) {
    const std::vector<double> values = ValuesOf(row, runs, rounds);
    if (values.empty()) continue;
    const double median = Median(values);
    table << absl::StrFormat("%-46s %12s %12s %12s\n", row.title, Format(row.format, median),
                             Format(row.format, values.front()), Format(row.format, values.back()));
    report["figures"][row.key] = {
        {"median", median}, {"least", values.front()}, {"most", values.back()}};
  }
  if (json_path.empty()) return absl::OkStatus();
  for (const auto& [workload, list] : runs) report["runs"][workload] = list;
  std::ofstream file(json_path);
  file << report.dump(2) << "\n";
  if (!file.flush()) return absl::InvalidArgumentError("cannot write " + json_path);
  return absl::OkStatus();
}

}  // namespace millrace::bench
