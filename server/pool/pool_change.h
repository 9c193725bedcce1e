#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/pool/pool_config.h"
#include "tasks/api/task_registry.h"

namespace millrace {

// A change of a pool while it lives; what is not named stays. A plain value.
struct PoolChange {
  std::optional<int> concurrency;
  // Empty means every registered task.
  std::optional<std::vector<std::string>> task_identifiers;
  std::optional<std::vector<std::string>> forbidden_flags;

  bool empty() const {
    return !concurrency.has_value() && !task_identifiers.has_value() &&
           !forbidden_flags.has_value();
  }
  // Every fault that shows without a pool, as Validate.
  absl::Status ValidateValues() const;
  // Every fault for a pool of this configuration and these tasks, joined by "; ", as
  // INVALID_ARGUMENT. Names fields as UpdatePoolRequest does.
  absl::Status Validate(const PoolConfig& config, const TaskRegistry& tasks) const;
  void ApplyTo(PoolConfig& config) const;
};

}  // namespace millrace
