#include "tasks/api/task_registry.h"

#include "absl/strings/str_join.h"
#include "server/model/job_spec.h"

namespace millrace {

void TaskRegistry::AddTask(const std::string& task_identifier, TaskHandler handler,
                           TaskOptions options) {
  const std::string name = "task \"" + task_identifier + "\"";
  if (const absl::Status valid = ValidateName(task_identifier, name); !valid.ok()) {
    faults_.emplace_back(valid.message());
  }
  if (options.timeout.has_value() && *options.timeout < absl::ZeroDuration()) {
    faults_.push_back(name + ": the timeout must not be negative");
  }
  if (options.retry.has_value()) {
    if (const absl::Status valid = options.retry->Validate(); !valid.ok()) {
      faults_.push_back(name + ": " + std::string(valid.message()));
    }
  }
  if (!tasks_.try_emplace(task_identifier, Task{std::move(handler), std::move(options)}).second) {
    faults_.push_back(name + " is registered twice");
  }
}

absl::Status TaskRegistry::status() const {
  if (faults_.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(faults_, "; "));
}

const TaskRegistry::Task* TaskRegistry::Find(const std::string& task_identifier) const {
  const auto found = tasks_.find(task_identifier);
  return found == tasks_.end() ? nullptr : &found->second;
}

std::vector<std::string> TaskRegistry::TaskIdentifiers() const {
  std::vector<std::string> identifiers;
  identifiers.reserve(tasks_.size());
  for (const auto& [identifier, task] : tasks_) identifiers.push_back(identifier);
  return identifiers;
}

}  // namespace millrace
