#include "server/pool/attempt_context.h"

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

}  // namespace millrace
