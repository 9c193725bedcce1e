#include "tasks/testing/fake_task_transaction.h"

namespace millrace {

absl::StatusOr<SqlRows> FakeTaskTransaction::ExecuteChecked(
    const std::string& sql, const std::vector<SqlValue>& parameters) {
  if (stop_.stop_requested()) return absl::CancelledError("the handler was asked to stop");
  statements_.push_back({sql, parameters});
  return on_execute_ ? on_execute_(statements_.back()) : SqlRows();
}

}  // namespace millrace
