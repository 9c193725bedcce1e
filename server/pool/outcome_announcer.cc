#include "server/pool/outcome_announcer.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace millrace {
namespace {

EventType TypeOf(const AttemptReport& report) {
  switch (report.outcome) {
    case AttemptOutcome::kCompleted:
      return EventType::kJobCompleted;
    case AttemptOutcome::kPartialSuccess:
      return EventType::kJobPartialSuccess;
    case AttemptOutcome::kSnoozed:
      return EventType::kJobSnoozed;
    case AttemptOutcome::kCancelled:
      return EventType::kJobCancelled;
    case AttemptOutcome::kInterrupted:
      return EventType::kJobInterrupted;
    case AttemptOutcome::kFailed:
    case AttemptOutcome::kLost:
      break;
  }
  return report.exhausted ? EventType::kJobExhausted : EventType::kJobFailed;
}

bool WaitsForTime(const AttemptReport& report) {
  if (report.exhausted) return false;
  return report.outcome == AttemptOutcome::kFailed ||
         report.outcome == AttemptOutcome::kPartialSuccess ||
         report.outcome == AttemptOutcome::kSnoozed;
}

void Append(std::vector<Event>& events, EventType type, JobEventData data) {
  Event& event = events.emplace_back();
  event.type = type;
  event.data = std::move(data);
}

void AppendStale(std::vector<Event>& events, JobEventData data) {
  data.error = "not accepted: the claim no longer holds the job";
  Append(events, EventType::kJobStaleOutcome, std::move(data));
}

// The job has ended otherwise than was reported.
void AppendEnded(std::vector<Event>& events, JobEventData data, const RecordResult& result,
                 size_t place) {
  const auto reason = result.reasons.find(place);
  data.error = reason == result.reasons.end() ? "" : reason->second;
  const bool cancelled = result.verdicts[place] == RecordVerdict::kCancelled;
  Append(events, cancelled ? EventType::kJobCancelled : EventType::kJobExhausted, std::move(data));
}

void AppendRecorded(std::vector<Event>& events, const AttemptReport& report, JobEventData data,
                    absl::Time recorded_at) {
  if (WaitsForTime(report)) data.next_run_at = recorded_at + report.delay;
  if (report.partial_success.has_value()) {
    data.partial_success = std::make_shared<const PartialSuccess>(*report.partial_success);
  }
  const EventType type = TypeOf(report);
  if (report.exhausted && type != EventType::kJobExhausted) {
    Append(events, type, data);
    Append(events, EventType::kJobExhausted, std::move(data));
  } else {
    Append(events, type, std::move(data));
  }
}

}  // namespace

OutcomeAnnouncer::OutcomeAnnouncer(EventEmitter& events, PoolCounters& counters,
                                   std::function<void(absl::Duration)> on_due)
    : events_(events), counters_(counters), on_due_(std::move(on_due)) {}

void OutcomeAnnouncer::Announce(const std::vector<AttemptReport>& reports,
                                std::vector<AttemptNotice>& notices, const RecordResult& result) {
  std::vector<Event> events;
  events.reserve(reports.size());
  absl::Duration first_due = absl::InfiniteDuration();
  for (size_t i = 0; i < reports.size(); ++i) {
    switch (result.verdicts[i]) {
      case RecordVerdict::kAccepted:
        CountAndGather(reports[i], notices[i]);
        if (WaitsForTime(reports[i])) first_due = std::min(first_due, reports[i].delay);
        AppendRecorded(events, reports[i], std::move(notices[i].event), result.recorded_at[i]);
        break;
      case RecordVerdict::kCancelled:
      case RecordVerdict::kFailedForGood: {
        const bool cancelled = result.verdicts[i] == RecordVerdict::kCancelled;
        AttemptReport ended = reports[i];
        ended.outcome = cancelled ? AttemptOutcome::kCancelled : AttemptOutcome::kFailed;
        ended.exhausted = !cancelled;
        CountAndGather(ended, notices[i]);
        AppendEnded(events, std::move(notices[i].event), result, i);
        break;
      }
      case RecordVerdict::kStale:
        AppendStale(events, std::move(notices[i].event));
        break;
      case RecordVerdict::kBusy:
        break;
    }
  }
  for (TaskMetrics* metrics : gathered_) metrics->Flush();
  gathered_.clear();
  counters_.Add(std::exchange(counts_, {}));
  events_.Emit(std::move(events));
  if (first_due != absl::InfiniteDuration()) on_due_(first_due);
}

void OutcomeAnnouncer::AnnounceGivenBack(const std::vector<ClaimedJob>& jobs,
                                         const RecordResult& result, bool stale) {
  PoolCounts counts;
  std::vector<Event> events;
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (result.verdicts[i] == RecordVerdict::kAccepted) ++counts.given_back;
    if (result.verdicts[i] == RecordVerdict::kCancelled ||
        result.verdicts[i] == RecordVerdict::kFailedForGood) {
      JobEventData data;
      data.job_id = jobs[i].job.id;
      data.task_identifier = jobs[i].job.task_identifier;
      // As in history: it has not run.
      data.attempt = 0;
      data.max_attempts = jobs[i].job.max_attempts;
      data.queue_name = jobs[i].job.queue_name;
      data.flags = jobs[i].job.flags;
      AppendEnded(events, std::move(data), result, i);
    }
  }
  if (stale) counts.stale_returned = counts.given_back;
  counters_.Add(counts);
  events_.Emit(std::move(events));
}

void OutcomeAnnouncer::CountAndGather(const AttemptReport& report, const AttemptNotice& notice) {
  if (notice.metrics->Gather(report)) gathered_.push_back(notice.metrics);
  switch (report.outcome) {
    case AttemptOutcome::kCompleted:
    case AttemptOutcome::kPartialSuccess:
      ++counts_.completed;
      break;
    case AttemptOutcome::kFailed:
      ++counts_.failed;
      break;
    case AttemptOutcome::kInterrupted:
      ++counts_.interrupted;
      break;
    case AttemptOutcome::kSnoozed:
    case AttemptOutcome::kCancelled:
    case AttemptOutcome::kLost:
      break;
  }
}

}  // namespace millrace
