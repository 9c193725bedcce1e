#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "server/metrics/metrics.h"
#include "server/model/attempt.h"

namespace millrace {

// The metrics of one task's attempts. What is gathered of a batch goes to the registry in one step
// (Flush), since counting each job there costs more than recording it. Owned by the task table.
// Used from one thread: the recorder's.
class TaskMetrics {
 public:
  TaskMetrics(MetricsRegistry& registry, const std::string& task_identifier);

  // Adds an attempt whose outcome was recorded. True for the first since the last Flush.
  bool Gather(const AttemptReport& report);
  void Flush();

 private:
  // One for each AttemptOutcome that a pool records of its own attempts, then exhausted: kLost, the
  // last of them, is what a rescuer records, and not counted by task.
  static constexpr size_t kOutcomes = static_cast<size_t>(AttemptOutcome::kLost) + 1;

  // Constant after construction.
  std::array<Counter*, kOutcomes> finished_;
  Counter& retried_;
  Histogram& duration_;
  Histogram& queue_time_;

  std::array<int, kOutcomes> finished_now_{};
  int retried_now_ = 0;
  std::vector<double> durations_now_;
  std::vector<double> queue_times_now_;
};

}  // namespace millrace
