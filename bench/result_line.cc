#include "bench/result_line.h"

#include "nlohmann/json.hpp"

namespace millrace::bench {
namespace {

double MicrosPer(absl::Duration duration, int64_t jobs) {
  return absl::ToDoubleMicroseconds(duration) / static_cast<double>(jobs);
}

}  // namespace

std::string ResultLine(const std::string& workload, const LoopResult& result) {
  const double seconds = absl::ToDoubleSeconds(result.elapsed);
  return nlohmann::ordered_json{
      {"workload", workload},
      {"jobs", result.jobs},
      {"seconds", seconds},
      {"jobs_per_second", static_cast<double>(result.jobs) / seconds},
      {"backend_cpu_us", MicrosPer(result.backend_cpu, result.jobs)},
      {"cluster_cpu_us", MicrosPer(result.cluster_cpu, result.jobs)},
      {"client_cpu_us", MicrosPer(result.client_cpu, result.jobs)},
      {"slowdown", absl::FDivDuration(result.late_time_per_job, result.early_time_per_job)}}
      .dump();
}

}  // namespace millrace::bench
