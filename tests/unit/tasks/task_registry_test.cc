#include "tasks/api/task_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tasks/testing/fake_task_context.h"

namespace millrace {
namespace {

using testing::HasSubstr;

TEST(TaskRegistryTest, HandlerThatReturnsNothingSucceeds) {
  TaskRegistry tasks;
  tasks.Add("ping", [](TaskContext&) {});
  FakeTaskContext context("ping");
  EXPECT_EQ(tasks.Find("ping")->handler(context).kind(), TaskResult::Kind::kSuccess);
}

TEST(TaskRegistryTest, IdentifiersAreListedInOrder) {
  TaskRegistry tasks;
  tasks.Add("b", [](TaskContext&) {});
  tasks.Add("a", [](TaskContext&) {});
  EXPECT_THAT(tasks.TaskIdentifiers(), testing::ElementsAre("a", "b"));
  EXPECT_TRUE(tasks.status().ok());
  EXPECT_EQ(tasks.Find("c"), nullptr);
}

TEST(TaskRegistryTest, EveryFaultIsNamed) {
  TaskRegistry tasks;
  tasks.Add("", [](TaskContext&) {});
  tasks.Add("twice", [](TaskContext&) {});
  tasks.Add("twice", [](TaskContext&) {});
  tasks.Add("early", [](TaskContext&) {}, {.timeout = absl::Seconds(-1)});
  tasks.Add("never", [](TaskContext&) {}, {.retry = RetryPolicy{.multiplier = 0.5}});
  const std::string faults(tasks.status().message());
  EXPECT_THAT(faults, HasSubstr("\"twice\" is registered twice"));
  EXPECT_THAT(faults, HasSubstr("\"early\": the timeout must not be negative"));
  EXPECT_THAT(faults, HasSubstr("task \"never\": "));
  EXPECT_THAT(faults, HasSubstr("task \"\""));
}

}  // namespace
}  // namespace millrace
