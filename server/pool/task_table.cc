#include "server/pool/task_table.h"

#include <utility>

namespace millrace {

TaskTable::TaskTable(const TaskRegistry& tasks, MetricsRegistry& metrics) {
  for (const std::string& identifier : tasks.TaskIdentifiers()) {
    entries_.emplace(identifier, Entry{tasks.Find(identifier),
                                       std::make_unique<TaskMetrics>(metrics, identifier)});
  }
  unregistered_.metrics = std::make_unique<TaskMetrics>(metrics, "(unregistered)");
}

const TaskTable::Entry& TaskTable::Find(const std::string& task_identifier) const {
  const auto found = entries_.find(task_identifier);
  return found == entries_.end() ? unregistered_ : found->second;
}

}  // namespace millrace
