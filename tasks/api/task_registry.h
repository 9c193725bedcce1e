#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/model/retry_policy.h"
#include "tasks/api/task_context.h"
#include "tasks/api/task_result.h"

namespace millrace {

// Runs one attempt of a job. Called from many threads at once. Whatever it throws is a failure with
// what() as its message.
using TaskHandler = std::function<TaskResult(TaskContext&)>;

struct TaskOptions {
  // The time limit of one attempt; unset means the pool's (max_job_execution_time_ms), zero none.
  std::optional<absl::Duration> timeout;
  // Unset means the pool's backoff.
  std::optional<RetryPolicy> retry;
};

// What handlers may know of the server that they are compiled into.
struct TaskEnvironment {
  // A connection string for the server's database; empty in tests without one. It may hold a
  // password.
  std::string database_url;
};

// The handlers of a server by task identifier. Filled once, at start, by RegisterTasks, before
// anything reads it; from then on it is not changed. A server fills another one before, to check
// its settings, so RegisterTasks does nothing but add handlers. Thread-compatible.
class TaskRegistry {
 public:
  struct Task {
    TaskHandler handler;
    TaskOptions options;
  };

  TaskRegistry() = default;
  explicit TaskRegistry(TaskEnvironment environment) : environment_(std::move(environment)) {}

  // Adds a handler: anything that can be called with a TaskContext& and returns a TaskResult or
  // nothing, which means success. A bad or repeated identifier or bad options are a fault; see
  // status().
  template <typename Handler>
  void Add(const std::string& task_identifier, Handler handler, TaskOptions options = {}) {
    if constexpr (std::is_void_v<std::invoke_result_t<Handler&, TaskContext&>>) {
      AddTask(
          task_identifier,
          [handler = std::move(handler)](TaskContext& context) mutable {
            handler(context);
            return TaskResult::Success();
          },
          std::move(options));
    } else {
      AddTask(task_identifier, std::move(handler), std::move(options));
    }
  }

  // Every fault of the Add calls so far, as INVALID_ARGUMENT; the server does not start with one.
  absl::Status status() const;
  // Nothing if there is no such task. The pointer is good as long as the registry.
  const Task* Find(const std::string& task_identifier) const;
  // In alphabetical order.
  std::vector<std::string> TaskIdentifiers() const;
  const TaskEnvironment& environment() const { return environment_; }

 private:
  void AddTask(const std::string& task_identifier, TaskHandler handler, TaskOptions options);

  TaskEnvironment environment_;
  std::map<std::string, Task> tasks_;
  std::vector<std::string> faults_;
};

}  // namespace millrace
