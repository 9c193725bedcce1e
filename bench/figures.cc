#include "bench/figures.h"

#include "nlohmann/json.hpp"

namespace millrace::bench {

Figures DrainFigures(const std::string& workload, int64_t jobs, absl::Duration elapsed) {
  const double seconds = absl::ToDoubleSeconds(elapsed);
  return {workload,
          {{"jobs", static_cast<double>(jobs)},
           {"seconds", seconds},
           {"jobs_per_second", static_cast<double>(jobs) / seconds}}};
}

Figures LoopFigures(const std::string& workload, const LoopResult& result) {
  Figures figures = DrainFigures(workload, result.jobs, result.elapsed);
  figures.values.insert(
      figures.values.end(),
      {{"cpu_us", MicrosPerJob(result.cluster_cpu + result.client_cpu, result.jobs)},
       {"backend_cpu_us", MicrosPerJob(result.backend_cpu, result.jobs)},
       {"database_cpu_us", MicrosPerJob(result.cluster_cpu, result.jobs)},
       {"program_cpu_us", MicrosPerJob(result.client_cpu, result.jobs)},
       {"slowdown", absl::FDivDuration(result.late_time_per_job, result.early_time_per_job)}});
  return figures;
}

double MicrosPerJob(absl::Duration duration, int64_t jobs) {
  return absl::ToDoubleMicroseconds(duration) / static_cast<double>(jobs);
}

std::string ToJson(const Figures& figures) {
  nlohmann::ordered_json json{{"workload", figures.workload}};
  for (const auto& [name, value] : figures.values) json[name] = value;
  return json.dump();
}

}  // namespace millrace::bench
