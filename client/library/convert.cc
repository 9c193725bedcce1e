#include "client/library/convert.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace millrace::client {
namespace {

absl::Status Unknown(const char* what, int value) {
  return absl::UnimplementedError(absl::StrCat("the server sent ", what, " number ", value,
                                               ", which this client does not know; update it"));
}

std::vector<std::string> Strings(google::protobuf::RepeatedPtrField<std::string>* strings) {
  return {std::make_move_iterator(strings->begin()), std::make_move_iterator(strings->end())};
}

std::vector<std::string> Strings(const google::protobuf::RepeatedPtrField<std::string>& strings) {
  return {strings.begin(), strings.end()};
}

}  // namespace

v1::JobKeyMode ToProto(JobKeyMode mode) {
  switch (mode) {
    case JobKeyMode::kReplace:
      return v1::JOB_KEY_MODE_REPLACE;
    case JobKeyMode::kPreserveRunAt:
      return v1::JOB_KEY_MODE_PRESERVE_RUN_AT;
    case JobKeyMode::kUnsafeDedupe:
      return v1::JOB_KEY_MODE_UNSAFE_DEDUPE;
  }
  return v1::JOB_KEY_MODE_UNSPECIFIED;
}

v1::JobState ToProto(JobState state) {
  switch (state) {
    case JobState::kReady:
      return v1::JOB_STATE_READY;
    case JobState::kScheduled:
      return v1::JOB_STATE_SCHEDULED;
    case JobState::kQueuedBehind:
      return v1::JOB_STATE_QUEUED_BEHIND;
    case JobState::kHeld:
      return v1::JOB_STATE_HELD;
    case JobState::kExhausted:
      return v1::JOB_STATE_EXHAUSTED;
    case JobState::kCompleted:
      return v1::JOB_STATE_COMPLETED;
    case JobState::kCancelled:
      return v1::JOB_STATE_CANCELLED;
  }
  return v1::JOB_STATE_UNSPECIFIED;
}

absl::StatusOr<JobState> FromProto(v1::JobState state) {
  switch (state) {
    case v1::JOB_STATE_READY:
      return JobState::kReady;
    case v1::JOB_STATE_SCHEDULED:
      return JobState::kScheduled;
    case v1::JOB_STATE_QUEUED_BEHIND:
      return JobState::kQueuedBehind;
    case v1::JOB_STATE_HELD:
      return JobState::kHeld;
    case v1::JOB_STATE_EXHAUSTED:
      return JobState::kExhausted;
    case v1::JOB_STATE_COMPLETED:
      return JobState::kCompleted;
    case v1::JOB_STATE_CANCELLED:
      return JobState::kCancelled;
    default:
      return Unknown("job state", state);
  }
}

absl::StatusOr<AttemptOutcome> FromProto(v1::AttemptOutcome outcome) {
  switch (outcome) {
    case v1::ATTEMPT_OUTCOME_COMPLETED:
      return AttemptOutcome::kCompleted;
    case v1::ATTEMPT_OUTCOME_FAILED:
      return AttemptOutcome::kFailed;
    case v1::ATTEMPT_OUTCOME_PARTIAL_SUCCESS:
      return AttemptOutcome::kPartialSuccess;
    case v1::ATTEMPT_OUTCOME_SNOOZED:
      return AttemptOutcome::kSnoozed;
    case v1::ATTEMPT_OUTCOME_CANCELLED:
      return AttemptOutcome::kCancelled;
    case v1::ATTEMPT_OUTCOME_INTERRUPTED:
      return AttemptOutcome::kInterrupted;
    case v1::ATTEMPT_OUTCOME_LOST:
      return AttemptOutcome::kLost;
    default:
      return Unknown("attempt outcome", outcome);
  }
}

absl::StatusOr<EndResult> FromProto(v1::CancelResult result) {
  switch (result) {
    case v1::CANCEL_RESULT_CANCELLED:
      return EndResult::kEnded;
    case v1::CANCEL_RESULT_REQUESTED:
      return EndResult::kRequested;
    case v1::CANCEL_RESULT_ENDED_BEFORE:
      return EndResult::kEndedBefore;
    case v1::CANCEL_RESULT_NOT_FOUND:
      return EndResult::kNotFound;
    default:
      return Unknown("cancel result", result);
  }
}

absl::StatusOr<EndResult> FromProto(v1::FailResult result) {
  switch (result) {
    case v1::FAIL_RESULT_FAILED:
      return EndResult::kEnded;
    case v1::FAIL_RESULT_REQUESTED:
      return EndResult::kRequested;
    case v1::FAIL_RESULT_ENDED_BEFORE:
      return EndResult::kEndedBefore;
    case v1::FAIL_RESULT_NOT_FOUND:
      return EndResult::kNotFound;
    case v1::FAIL_RESULT_BEING_CANCELLED:
      return EndResult::kBeingCancelled;
    default:
      return Unknown("fail result", result);
  }
}

PartialSuccess FromProto(v1::PartialSuccess&& partial) {
  return PartialSuccess{Strings(partial.mutable_completed_steps()),
                        Strings(partial.mutable_failed_steps()), partial.retry_from_step(),
                        std::move(*partial.mutable_results())};
}

JobProgress FromProto(v1::JobProgress&& progress) {
  return JobProgress{progress.percent(),
                     std::move(*progress.mutable_message()),
                     {progress.counters().begin(), progress.counters().end()}};
}

JobEventData FromProto(v1::JobEvent&& job) {
  JobEventData data;
  data.job_id = job.job_id();
  data.task_identifier = std::move(*job.mutable_task_identifier());
  data.attempt = job.attempt();
  data.max_attempts = job.max_attempts();
  data.duration = FromProto(job.duration());
  data.queue_time = FromProto(job.queue_time());
  data.error = std::move(*job.mutable_error());
  if (job.has_next_run_at()) data.next_run_at = FromProto(job.next_run_at());
  if (job.has_partial_success()) {
    data.partial_success = std::make_shared<const PartialSuccess>(
        FromProto(std::move(*job.mutable_partial_success())));
  }
  data.queue_name = std::move(*job.mutable_queue_name());
  if (job.has_progress()) {
    data.progress =
        std::make_shared<const JobProgress>(FromProto(std::move(*job.mutable_progress())));
  }
  data.flags = Strings(job.mutable_flags());
  return data;
}

google::protobuf::Timestamp ToProto(absl::Time time) {
  const int64_t seconds = absl::ToUnixSeconds(time);  // rounds down, also before 1970
  google::protobuf::Timestamp proto;
  proto.set_seconds(seconds);
  proto.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return proto;
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return proto;
}

v1::JobSpec ToProto(const JobSpec& spec) {
  v1::JobSpec proto;
  proto.set_task_identifier(spec.task_identifier);
  proto.set_payload(spec.payload);
  proto.set_queue_name(spec.queue_name);
  if (spec.run_at.has_value()) *proto.mutable_run_at() = ToProto(*spec.run_at);
  proto.set_priority(spec.priority);
  if (spec.max_attempts.has_value()) proto.set_max_attempts(*spec.max_attempts);
  proto.set_job_key(spec.job_key);
  if (spec.job_key_mode.has_value()) proto.set_job_key_mode(ToProto(*spec.job_key_mode));
  for (const std::string& flag : spec.flags) proto.add_flags(flag);
  proto.set_correlation_id(spec.correlation_id);
  proto.set_metadata(spec.metadata);
  return proto;
}

v1::ListJobsRequest ToProto(const JobFilter& filter) {
  v1::ListJobsRequest proto;
  for (const JobState state : filter.states) proto.add_states(ToProto(state));
  for (const std::string& task : filter.task_identifiers) proto.add_task_identifiers(task);
  for (const std::string& queue : filter.queue_names) proto.add_queue_names(queue);
  return proto;
}

absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

absl::StatusOr<AddResult> FromProto(v1::AddResult result) {
  switch (result) {
    case v1::ADD_RESULT_CREATED:
      return AddResult::kCreated;
    case v1::ADD_RESULT_UPDATED:
      return AddResult::kUpdated;
    case v1::ADD_RESULT_EXISTING:
      return AddResult::kExisting;
    default:
      return Unknown("result of adding", result);
  }
}

absl::StatusOr<JobDetails> FromProto(v1::Job&& job) {
  const absl::StatusOr<JobState> state = FromProto(job.state());
  if (!state.ok()) return state.status();
  JobDetails details;
  details.job.id = job.id();
  details.job.task_identifier = std::move(*job.mutable_task_identifier());
  details.job.payload = std::move(*job.mutable_payload());
  details.job.priority = job.priority();
  details.job.attempt = job.attempt();
  details.job.max_attempts = job.max_attempts();
  details.job.queue_name = std::move(*job.mutable_queue_name());
  details.job.run_at = FromProto(job.run_at());
  details.job.created_at = FromProto(job.created_at());
  details.job.flags = Strings(job.mutable_flags());
  details.job.job_key = std::move(*job.mutable_job_key());
  details.job.correlation_id = std::move(*job.mutable_correlation_id());
  details.job.metadata = std::move(*job.mutable_metadata());
  details.state = *state;
  if (job.has_finished_at()) details.finished_at = FromProto(job.finished_at());
  details.last_error = std::move(*job.mutable_last_error());
  details.worker_id = std::move(*job.mutable_worker_id());
  details.cancel_reason = std::move(*job.mutable_cancel_reason());
  details.fail_reason = std::move(*job.mutable_fail_reason());
  if (job.has_progress()) {
    const absl::Time reported_at = FromProto(job.progress().reported_at());
    details.progress = {FromProto(std::move(*job.mutable_progress())), reported_at};
  }
  return details;
}

absl::StatusOr<Attempt> FromProto(v1::Attempt&& proto) {
  const absl::StatusOr<AttemptOutcome> outcome = FromProto(proto.outcome());
  if (!outcome.ok()) return outcome.status();
  Attempt attempt;
  attempt.attempt = proto.attempt();
  attempt.outcome = *outcome;
  attempt.worker_id = std::move(*proto.mutable_worker_id());
  attempt.finished_at = FromProto(proto.finished_at());
  attempt.execution_time = FromProto(proto.execution_time());
  attempt.queue_time = FromProto(proto.queue_time());
  attempt.error_message = std::move(*proto.mutable_error_message());
  attempt.error_detail = std::move(*proto.mutable_error_detail());
  attempt.result = std::move(*proto.mutable_result());
  if (proto.has_partial_success()) {
    attempt.partial_success = FromProto(std::move(*proto.mutable_partial_success()));
  }
  return attempt;
}

PoolStats FromProto(const v1::StatsResponse& proto) {
  PoolStats stats;
  stats.worker_id = proto.worker_id();
  stats.pool_name = proto.pool_name();
  stats.running = proto.running();
  stats.stopping = proto.stopping();
  stats.concurrency = proto.concurrency();
  stats.active = proto.active();
  stats.buffered = proto.buffered();
  stats.completed = proto.completed();
  stats.failed = proto.failed();
  stats.errors = proto.errors();
  stats.claimed = proto.claimed();
  stats.given_back = proto.given_back();
  stats.stale_returned = proto.stale_returned();
  stats.interrupted = proto.interrupted();
  stats.stuck = proto.stuck();
  if (proto.has_running_since()) stats.running_since = FromProto(proto.running_since());
  stats.task_identifiers = Strings(proto.task_identifiers());
  stats.forbidden_flags = Strings(proto.forbidden_flags());
  return stats;
}

StartedPool FromProto(const v1::StartResponse& proto) {
  return {proto.worker_id(), proto.concurrency()};
}

StopReport FromProto(const v1::StopResponse& proto) {
  return {proto.finished(), proto.given_back(), proto.interrupted(), proto.still_running()};
}

ChangedPool FromProto(const v1::UpdatePoolResponse& proto) {
  return {proto.worker_id(), proto.concurrency(), Strings(proto.task_identifiers()),
          Strings(proto.forbidden_flags())};
}

absl::StatusOr<PoolState> FromProto(v1::PoolState proto) {
  switch (proto) {
    case v1::POOL_STATE_STOPPED:
      return PoolState::kStopped;
    case v1::POOL_STATE_RUNNING:
      return PoolState::kRunning;
    case v1::POOL_STATE_STOPPING:
      return PoolState::kStopping;
    case v1::POOL_STATE_LOST:
      return PoolState::kLost;
    case v1::POOL_STATE_UNKNOWN:
      return PoolState::kUnknown;
    default:
      return Unknown("a pool state", proto);
  }
}

absl::StatusOr<ListedPool> FromProto(const v1::ListedPool& proto) {
  const absl::StatusOr<PoolState> state = FromProto(proto.state());
  if (!state.ok()) return state.status();
  ListedPool pool;
  pool.worker_id = proto.worker_id();
  pool.pool_name = proto.pool_name();
  pool.host = proto.host();
  pool.pid = proto.pid();
  pool.version = proto.version();
  pool.started_at = FromProto(proto.started_at());
  pool.state = *state;
  pool.concurrency = proto.concurrency();
  pool.active = proto.active();
  pool.buffered = proto.buffered();
  if (proto.has_seen_ago()) pool.seen_ago = FromProto(proto.seen_ago());
  const v1::Lease& lease = proto.lease();
  if (lease.has_ttl()) pool.lease_ttl = FromProto(lease.ttl());
  if (lease.has_renewed_ago()) pool.lease_renewed_ago = FromProto(lease.renewed_ago());
  if (lease.has_expires_in()) pool.lease_expires_in = FromProto(lease.expires_in());
  return pool;
}

v1::UpdatePoolRequest ToProto(const PoolChange& change) {
  v1::UpdatePoolRequest proto;
  if (change.concurrency.has_value()) proto.set_concurrency(*change.concurrency);
  if (change.task_identifiers.has_value()) {
    proto.mutable_task_identifiers()->mutable_names()->Assign(change.task_identifiers->begin(),
                                                              change.task_identifiers->end());
  }
  if (change.forbidden_flags.has_value()) {
    proto.mutable_forbidden_flags()->mutable_names()->Assign(change.forbidden_flags->begin(),
                                                             change.forbidden_flags->end());
  }
  proto.set_save(change.save);
  proto.set_clear_saved(change.clear_saved);
  return proto;
}

FeedEvent FromProto(v1::Event&& proto) {
  FeedEvent event;
  event.sequence = proto.sequence();
  event.type = std::move(*proto.mutable_type());
  event.emitted_at = FromProto(proto.emitted_at());
  event.worker_id = std::move(*proto.mutable_worker_id());
  if (proto.has_pool()) {
    event.data = PoolEventData{proto.pool().concurrency(), proto.pool().forced()};
  } else if (proto.has_job()) {
    event.data = FromProto(std::move(*proto.mutable_job()));
  } else if (proto.has_worker_error()) {
    event.data = WorkerErrorData{proto.worker_error().operation(), proto.worker_error().error()};
  }
  return event;
}

}  // namespace millrace::client
