#pragma once

#include "tasks/api/task_registry.h"

namespace millrace {

// Enters every handler that this server is built with. The one list to edit when a task is added.
void RegisterTasks(TaskRegistry& tasks);

}  // namespace millrace
