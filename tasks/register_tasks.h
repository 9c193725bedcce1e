#pragma once

#include "tasks/api/task_registry.h"

namespace millrace {

// Adds every task of this server. This is the place to add your own.
void RegisterTasks(TaskRegistry& tasks);

}  // namespace millrace
