#include "tasks/register_tasks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(RegisterTasksTest, TheTasksOfTheServerAreRegisteredWithoutFault) {
  TaskRegistry tasks;
  RegisterTasks(tasks);
  EXPECT_TRUE(tasks.status().ok()) << tasks.status();
  EXPECT_THAT(tasks.TaskIdentifiers(),
              testing::ElementsAre("deliver_webhook", "import_csv", "resize_image"));
}

TEST(RegisterTasksTest, EveryTaskHasATimeLimit) {
  TaskRegistry tasks;
  RegisterTasks(tasks);
  for (const std::string& identifier : tasks.TaskIdentifiers()) {
    EXPECT_TRUE(tasks.Find(identifier)->options.timeout.has_value()) << identifier;
  }
}

}  // namespace
}  // namespace millrace
