#include "server/pool/attempt_context.h"

#include <memory>
#include <utility>

#include "server/base/logging.h"

namespace millrace {
namespace {

spdlog::level::level_enum LevelOf(TaskContext::LogLevel level) {
  switch (level) {
    case TaskContext::LogLevel::kDebug:
      return spdlog::level::debug;
    case TaskContext::LogLevel::kInfo:
      return spdlog::level::info;
    case TaskContext::LogLevel::kWarning:
      return spdlog::level::warn;
    case TaskContext::LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

absl::Status AskedToStop() { return absl::CancelledError("the handler was asked to stop"); }

absl::Status NoSuchService() {
  return absl::FailedPreconditionError("this pool has no database for its handlers");
}

}  // namespace

void AttemptContext::Log(LogLevel level, const std::string& message) {
  const Job& job = claimed_.job;
  spdlog::log(LevelOf(level), "job {} ({}, attempt {}): {}", job.id, job.task_identifier,
              job.attempt, message);
}

absl::StatusOr<AddedJob> AttemptContext::AddJob(JobSpec spec) {
  if (absl::Status valid = parts_.handlers.admission.Admit(spec, "job"); !valid.ok()) return valid;
  const absl::StatusOr<std::vector<AddedJob>> added = Add({std::move(spec)});
  if (!added.ok()) return added.status();
  return added->front();
}

absl::StatusOr<std::vector<AddedJob>> AttemptContext::AddJobs(std::vector<JobSpec> specs) {
  if (absl::Status valid = parts_.handlers.admission.Admit(specs); !valid.ok()) return valid;
  return Add(specs);
}

absl::StatusOr<std::vector<AddedJob>> AttemptContext::Add(const std::vector<JobSpec>& specs) {
  if (parts_.handlers.jobs == nullptr) return NoSuchService();
  if (StopRequested()) return AskedToStop();
  const CallLimit limit(TimeLeft(), [stop = stop_token()] { return stop.stop_requested(); });
  absl::StatusOr<std::vector<AddedJob>> added = parts_.handlers.jobs->AddJobs(specs, limit);
  if (!added.ok()) return absl::IsCancelled(added.status()) ? AskedToStop() : added.status();
  if (added->size() != specs.size()) {
    return absl::InternalError("the store did not answer for every job that was to be added");
  }
  if (HasDueJob(specs, *added)) parts_.on_added();
  return added;
}

absl::StatusOr<TaskTransaction*> AttemptContext::BeginTransaction() {
  if (parts_.handlers.transactions == nullptr) return NoSuchService();
  if (transaction_.has_value()) {
    return absl::FailedPreconditionError("the transaction of this attempt has begun already");
  }
  if (StopRequested()) return AskedToStop();
  absl::StatusOr<std::unique_ptr<HandlerTransaction>> begun =
      parts_.handlers.transactions->BeginTransaction(stop_token());
  if (!begun.ok()) return absl::IsCancelled(begun.status()) ? AskedToStop() : begun.status();
  return &transaction_.emplace(*std::move(begun), parts_.handlers.admission);
}

void AttemptContext::KeepProgress(JobProgress progress) {
  std::optional<WorkerSlot::View> view = slot_.Look(parts_.clock.Monotonic());
  if (!view.has_value()) return;
  has_progress_ = true;
  view->job.progress = std::make_shared<const JobProgress>(std::move(progress));
  parts_.progress.Report({claimed_.claim_id, claimed_.job.id}, std::move(view->job));
}

bool AttemptContext::EndProgress() {
  if (has_progress_) parts_.progress.Forget({claimed_.claim_id, claimed_.job.id});
  return has_progress_;
}

}  // namespace millrace
