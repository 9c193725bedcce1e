#include "server/rpc/convert/job_proto.h"

#include <optional>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/rpc/convert/proto_time.h"
#include "server/rpc/convert/utf8_text.h"

namespace millrace {
namespace {

constexpr JobId kMaxJobId = (JobId{1} << 53) - 1;

absl::Status Fault(const std::string& field, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

absl::StatusOr<std::optional<JobKeyMode>> ToJobKeyMode(v1::JobKeyMode proto,
                                                       const std::string& field) {
  switch (proto) {
    case v1::JOB_KEY_MODE_UNSPECIFIED:
      return std::optional<JobKeyMode>();
    case v1::JOB_KEY_MODE_REPLACE:
      return std::optional(JobKeyMode::kReplace);
    case v1::JOB_KEY_MODE_PRESERVE_RUN_AT:
      return std::optional(JobKeyMode::kPreserveRunAt);
    case v1::JOB_KEY_MODE_UNSAFE_DEDUPE:
      return std::optional(JobKeyMode::kUnsafeDedupe);
    default:
      return Fault(field, absl::StrCat("no mode has the number ", static_cast<int>(proto)));
  }
}

absl::StatusOr<JobState> ToJobState(int proto, const std::string& field) {
  switch (proto) {
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
      return Fault(field, absl::StrCat("no state of a job has the number ", proto));
  }
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

v1::AttemptOutcome ToProto(AttemptOutcome outcome) {
  switch (outcome) {
    case AttemptOutcome::kCompleted:
      return v1::ATTEMPT_OUTCOME_COMPLETED;
    case AttemptOutcome::kFailed:
      return v1::ATTEMPT_OUTCOME_FAILED;
    case AttemptOutcome::kPartialSuccess:
      return v1::ATTEMPT_OUTCOME_PARTIAL_SUCCESS;
    case AttemptOutcome::kSnoozed:
      return v1::ATTEMPT_OUTCOME_SNOOZED;
    case AttemptOutcome::kCancelled:
      return v1::ATTEMPT_OUTCOME_CANCELLED;
    case AttemptOutcome::kInterrupted:
      return v1::ATTEMPT_OUTCOME_INTERRUPTED;
    case AttemptOutcome::kLost:
      return v1::ATTEMPT_OUTCOME_LOST;
  }
  return v1::ATTEMPT_OUTCOME_UNSPECIFIED;
}

// Why there may not be so many.
absl::Status CheckCount(int count, const std::string& field) {
  if (static_cast<size_t>(count) <= JobLimits::kJobsPerCall) return absl::OkStatus();
  return Fault(field, absl::StrCat("at most ", JobLimits::kJobsPerCall, ", got ", count));
}

template <typename Names>
absl::StatusOr<std::vector<std::string>> ToNames(const Names& names, const std::string& field) {
  if (absl::Status few = CheckCount(names.size(), field); !few.ok()) return few;
  for (int i = 0; i < names.size(); ++i) {
    const absl::Status valid = ValidateName(names[i], absl::StrCat(field, "[", i, "]"));
    if (!valid.ok()) return valid;
  }
  return std::vector<std::string>(names.begin(), names.end());
}

}  // namespace

absl::StatusOr<JobSpec> ToJobSpec(const v1::JobSpec& proto, const std::string& path) {
  JobSpec spec;
  spec.task_identifier = proto.task_identifier();
  spec.payload = proto.payload();
  spec.queue_name = proto.queue_name();
  if (proto.has_run_at()) {
    const absl::StatusOr<absl::Time> run_at = ToTime(proto.run_at(), path + ".run_at");
    if (!run_at.ok()) return run_at.status();
    spec.run_at = *run_at;
  }
  spec.priority = proto.priority();
  if (proto.has_max_attempts()) spec.max_attempts = proto.max_attempts();
  spec.job_key = proto.job_key();
  const auto mode = ToJobKeyMode(proto.job_key_mode(), path + ".job_key_mode");
  if (!mode.ok()) return mode.status();
  spec.job_key_mode = *mode;
  spec.flags.assign(proto.flags().begin(), proto.flags().end());
  spec.correlation_id = proto.correlation_id();
  spec.metadata = proto.metadata();
  return spec;
}

absl::StatusOr<JobFilter> ToJobFilter(const v1::ListJobsRequest& proto) {
  JobFilter filter;
  if (absl::Status few = CheckCount(proto.states_size(), "states"); !few.ok()) return few;
  for (int i = 0; i < proto.states_size(); ++i) {
    const auto state = ToJobState(proto.states(i), absl::StrCat("states[", i, "]"));
    if (!state.ok()) return state.status();
    filter.states.push_back(*state);
  }
  auto tasks = ToNames(proto.task_identifiers(), "task_identifiers");
  if (!tasks.ok()) return tasks.status();
  filter.task_identifiers = *std::move(tasks);
  auto queues = ToNames(proto.queue_names(), "queue_names");
  if (!queues.ok()) return queues.status();
  filter.queue_names = *std::move(queues);
  return filter;
}

absl::StatusOr<JobId> ToJobId(int64_t proto, const std::string& field) {
  if (proto >= 1 && proto <= kMaxJobId) return proto;
  return Fault(field, absl::StrCat("must be 1 to ", kMaxJobId, ", got ", proto));
}

absl::StatusOr<std::vector<JobId>> ToJobIds(const google::protobuf::RepeatedField<int64_t>& protos,
                                            const std::string& field) {
  if (absl::Status few = CheckCount(protos.size(), field); !few.ok()) return few;
  std::vector<JobId> ids;
  absl::flat_hash_set<JobId> seen;
  for (int i = 0; i < protos.size(); ++i) {
    const std::string path = absl::StrCat(field, "[", i, "]");
    const absl::StatusOr<JobId> id = ToJobId(protos[i], path);
    if (!id.ok()) return id.status();
    if (!seen.insert(*id).second) return Fault(path, absl::StrCat(*id, " comes twice"));
    ids.push_back(*id);
  }
  return ids;
}

v1::AddResult ToProto(AddResult result) {
  switch (result) {
    case AddResult::kCreated:
      return v1::ADD_RESULT_CREATED;
    case AddResult::kUpdated:
      return v1::ADD_RESULT_UPDATED;
    case AddResult::kExisting:
      return v1::ADD_RESULT_EXISTING;
  }
  return v1::ADD_RESULT_UNSPECIFIED;
}

v1::CancelResult ToCancelResult(EndResult result) {
  switch (result) {
    case EndResult::kEnded:
      return v1::CANCEL_RESULT_CANCELLED;
    case EndResult::kRequested:
    case EndResult::kBeingCancelled:
      return v1::CANCEL_RESULT_REQUESTED;
    case EndResult::kEndedBefore:
      return v1::CANCEL_RESULT_ENDED_BEFORE;
    case EndResult::kNotFound:
      return v1::CANCEL_RESULT_NOT_FOUND;
  }
  return v1::CANCEL_RESULT_UNSPECIFIED;
}

v1::FailResult ToFailResult(EndResult result) {
  switch (result) {
    case EndResult::kEnded:
      return v1::FAIL_RESULT_FAILED;
    case EndResult::kRequested:
      return v1::FAIL_RESULT_REQUESTED;
    case EndResult::kEndedBefore:
      return v1::FAIL_RESULT_ENDED_BEFORE;
    case EndResult::kNotFound:
      return v1::FAIL_RESULT_NOT_FOUND;
    case EndResult::kBeingCancelled:
      return v1::FAIL_RESULT_BEING_CANCELLED;
  }
  return v1::FAIL_RESULT_UNSPECIFIED;
}

void SetJob(const JobDetails& details, v1::Job& proto) {
  const Job& job = details.job;
  proto.set_id(job.id);
  proto.set_task_identifier(job.task_identifier);
  proto.set_payload(job.payload);
  proto.set_state(ToProto(details.state));
  proto.set_priority(job.priority);
  proto.set_attempt(job.attempt);
  proto.set_max_attempts(job.max_attempts);
  proto.set_queue_name(job.queue_name);
  SetTimestamp(job.run_at, *proto.mutable_run_at());
  SetTimestamp(job.created_at, *proto.mutable_created_at());
  proto.mutable_flags()->Add(job.flags.begin(), job.flags.end());
  proto.set_job_key(job.job_key);
  proto.set_correlation_id(job.correlation_id);
  proto.set_metadata(job.metadata);
  if (details.finished_at.has_value()) {
    SetTimestamp(*details.finished_at, *proto.mutable_finished_at());
  }
  proto.set_last_error(ToUtf8Text(details.last_error));
  proto.set_worker_id(details.worker_id);
  proto.set_cancel_reason(ToUtf8Text(details.cancel_reason));
  proto.set_fail_reason(ToUtf8Text(details.fail_reason));
  if (details.progress.has_value()) {
    SetProgress(details.progress->progress, *proto.mutable_progress());
    SetTimestamp(details.progress->reported_at, *proto.mutable_progress()->mutable_reported_at());
  }
}

void SetJobFromSpec(JobId id, const JobSpec& spec, v1::Job& proto) {
  proto.set_id(id);
  proto.set_task_identifier(spec.task_identifier);
  proto.set_payload(spec.payload.empty() ? "{}" : spec.payload);
  proto.set_priority(spec.priority);
  proto.set_max_attempts(spec.max_attempts.value_or(JobLimits::kDefaultMaxAttempts));
  proto.set_queue_name(spec.queue_name);
  if (spec.run_at.has_value()) SetTimestamp(*spec.run_at, *proto.mutable_run_at());
  proto.mutable_flags()->Add(spec.flags.begin(), spec.flags.end());
  proto.set_job_key(spec.job_key);
  proto.set_correlation_id(spec.correlation_id);
  proto.set_metadata(spec.metadata);
}

void SetAttempt(const Attempt& attempt, v1::Attempt& proto) {
  proto.set_attempt(attempt.attempt);
  proto.set_outcome(ToProto(attempt.outcome));
  proto.set_worker_id(attempt.worker_id);
  SetTimestamp(attempt.finished_at, *proto.mutable_finished_at());
  SetDuration(attempt.execution_time, *proto.mutable_execution_time());
  SetDuration(attempt.queue_time, *proto.mutable_queue_time());
  proto.set_error_message(ToUtf8Text(attempt.error_message));
  proto.set_error_detail(ToUtf8Text(attempt.error_detail));
  proto.set_result(attempt.result);
  if (attempt.partial_success.has_value()) {
    SetPartialSuccess(*attempt.partial_success, *proto.mutable_partial_success());
  }
}

void SetPartialSuccess(const PartialSuccess& partial, v1::PartialSuccess& proto) {
  proto.Clear();
  for (const std::string& step : partial.completed_steps) {
    proto.add_completed_steps(ToUtf8Text(step));
  }
  for (const std::string& step : partial.failed_steps) proto.add_failed_steps(ToUtf8Text(step));
  proto.set_retry_from_step(ToUtf8Text(partial.retry_from_step));
  proto.set_results(ToUtf8Text(partial.results));
}

void SetProgress(const JobProgress& progress, v1::JobProgress& proto) {
  proto.Clear();
  proto.set_percent(progress.percent);
  proto.set_message(ToUtf8Text(progress.message));
  for (const auto& [name, count] : progress.counters) {
    (*proto.mutable_counters())[ToUtf8Text(name)] = count;
  }
}

}  // namespace millrace
