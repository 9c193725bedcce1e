#include "server/pool/task_metrics.h"

#include "absl/time/time.h"

namespace millrace {
namespace {

// In the order of AttemptOutcome, exhausted in place of lost.
constexpr const char* kOutcomeNames[] = {"completed", "failed",      "partial_success", "snoozed",
                                         "cancelled", "interrupted", "exhausted"};

// From a quarter of a millisecond to hours, in steps of 2 to 5.
const std::vector<double>& SecondsBuckets() {
  static const std::vector<double> kBuckets = {0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                               0.05,    0.1,    0.25,  0.5,    1,     2.5,  5,
                                               10,      30,     60,    300,    1800,  7200};
  return kBuckets;
}

}  // namespace

TaskMetrics::TaskMetrics(MetricsRegistry& registry, const std::string& task_identifier)
    : retried_(registry.GetCounter("millrace_jobs_retried_total",
                                   "Attempts after which the job waits for another one, by task.",
                                   {{"task", task_identifier}})),
      duration_(registry.GetHistogram("millrace_job_duration_seconds",
                                      "How long handlers ran, by task.",
                                      {{"task", task_identifier}}, SecondsBuckets())),
      queue_time_(registry.GetHistogram("millrace_job_queue_time_seconds",
                                        "From the moment a job was due to its start, by task.",
                                        {{"task", task_identifier}}, SecondsBuckets())) {
  static_assert(std::size(kOutcomeNames) == kOutcomes);
  for (size_t i = 0; i < kOutcomes; ++i) {
    finished_[i] = &registry.GetCounter(
        "millrace_jobs_finished_total",
        "Attempts that ended, by task and outcome; an attempt that leaves its job exhausted counts "
        "as that.",
        {{"task", task_identifier}, {"outcome", kOutcomeNames[i]}});
  }
}

bool TaskMetrics::Gather(const AttemptReport& report) {
  const bool first = durations_now_.empty();
  ++finished_now_[report.exhausted ? kOutcomes - 1 : static_cast<size_t>(report.outcome)];
  const bool unfinished = report.outcome == AttemptOutcome::kFailed ||
                          report.outcome == AttemptOutcome::kPartialSuccess;
  if (unfinished && !report.exhausted) ++retried_now_;
  durations_now_.push_back(absl::ToDoubleSeconds(report.execution_time));
  queue_times_now_.push_back(absl::ToDoubleSeconds(report.queue_time));
  return first;
}

void TaskMetrics::Flush() {
  for (size_t i = 0; i < kOutcomes; ++i) {
    if (finished_now_[i] > 0) finished_[i]->Increment(finished_now_[i]);
  }
  finished_now_ = {};
  if (retried_now_ > 0) retried_.Increment(retried_now_);
  retried_now_ = 0;
  duration_.ObserveAll(durations_now_);
  durations_now_.clear();
  queue_time_.ObserveAll(queue_times_now_);
  queue_times_now_.clear();
}

}  // namespace millrace
