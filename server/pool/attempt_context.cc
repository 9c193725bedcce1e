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

}  // namespace

void AttemptContext::Log(LogLevel level, const std::string& message) {
  const Job& job = claimed_.job;
  spdlog::log(LevelOf(level), "job {} ({}, attempt {}): {}", job.id, job.task_identifier,
              job.attempt, message);
}

void AttemptContext::KeepProgress(JobProgress progress) {
  std::optional<WorkerSlot::View> view = slot_.Look(clock_.Monotonic());
  if (!view.has_value()) return;
  has_progress_ = true;
  view->job.progress = std::make_shared<const JobProgress>(std::move(progress));
  progress_.Report({claimed_.claim_id, claimed_.job.id}, std::move(view->job));
}

bool AttemptContext::EndProgress() {
  if (has_progress_) progress_.Forget({claimed_.claim_id, claimed_.job.id});
  return has_progress_;
}

}  // namespace millrace
