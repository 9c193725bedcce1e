#include "server/rpc/request_memory.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"

namespace millrace {
namespace {

TEST(RequestMemoryTest, KeepsABoundedNumberOfRepliesAndForgetsTheOldest) {
  FakeClock clock;
  RequestMemory memory(clock, {.max_replies = 2});
  int done = 0;
  const auto ask = [&](const std::string& id) {
    return memory.Do({.id = id, .method = "m", .digest = "d"},
                     [&] { return absl::StatusOr<std::string>(std::to_string(++done)); });
  };
  EXPECT_EQ(*ask("a"), "1");
  EXPECT_EQ(*ask("b"), "2");
  EXPECT_EQ(*ask("a"), "1");
  EXPECT_EQ(*ask("c"), "3");
  EXPECT_EQ(*ask("b"), "2");
  EXPECT_EQ(*ask("a"), "4");
}

}  // namespace
}  // namespace millrace
