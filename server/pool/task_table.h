#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/metrics/metrics.h"
#include "server/pool/task_metrics.h"
#include "tasks/api/task_registry.h"

namespace millrace {

// What a pool needs to know of a task, found by one look-up per job: its handler and its metrics.
// Jobs without a handler share one entry, so that foreign identifiers make no new metrics. Owned by
// the pool; the registry outlives it and does not change. Thread-safe.
class TaskTable {
 public:
  struct Entry {
    // Nothing if no handler is registered.
    const TaskRegistry::Task* task = nullptr;
    std::unique_ptr<TaskMetrics> metrics;
  };

  TaskTable(const TaskRegistry& tasks, MetricsRegistry& metrics);

  // The reference is good as long as the table.
  const Entry& Find(const std::string& task_identifier) const;

 private:
  // Constant after construction.
  absl::flat_hash_map<std::string, Entry> entries_;
  Entry unregistered_;
};

}  // namespace millrace
