#include "bench/pickup_probe.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/base/clock.h"

namespace millrace::bench {
namespace {

// Long enough for the pool to become idle, and never in step with anything.
void PauseIdle() {
  static absl::BitGen random;
  absl::SleepFor(absl::Milliseconds(absl::Uniform(random, 30, 70)));
}

Figures PickupFigures(const std::string& workload, std::vector<absl::Duration> pickups) {
  std::sort(pickups.begin(), pickups.end());
  const auto at = [&](double share) {
    const auto place = static_cast<size_t>(share * static_cast<double>(pickups.size()));
    return absl::ToDoubleMilliseconds(pickups[std::min(place, pickups.size() - 1)]);
  };
  return {workload,
          {{"jobs", static_cast<double>(pickups.size())},
           {"p50_ms", at(0.5)},
           {"p99_ms", at(0.99)},
           {"longest_ms", at(1)}}};
}

}  // namespace

absl::StatusOr<Figures> MeasurePickups(const std::string& workload, PostgresConnection& connection,
                                       const std::string& add, int jobs, const PickupPipe& pipe) {
  const SystemClock clock;
  std::vector<absl::Duration> pickups;
  absl::Status status;
  absl::Status ran = connection.Run([&](PostgresConnection& running) {
    running.raw().prepare("add", add);
    for (int i = 0; i < kPickupWarmUpJobs + jobs && status.ok(); ++i) {
      PauseIdle();
      const std::string payload = absl::StrCat("{\"n\":", i, "}");
      const absl::Duration before = clock.Monotonic();
      pqxx::nontransaction(running.raw()).exec_prepared("add", payload);
      const auto begun = pipe.Read();
      status = begun.status();
      if (begun.ok() && i >= kPickupWarmUpJobs) pickups.push_back(*begun - before);
    }
  });
  if (!ran.ok()) return ran;
  if (!status.ok()) return status;
  return PickupFigures(workload, std::move(pickups));
}

}  // namespace millrace::bench
