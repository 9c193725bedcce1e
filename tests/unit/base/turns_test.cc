#include "server/base/turns.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace millrace {
namespace {

TEST(TurnsTest, OneThreadAtATimeHoldsTheTurn) {
  Turns turns;
  std::atomic<int> holders = 0;
  int done = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 500; ++round) {
        const Turns::Hold turn(turns);
        EXPECT_EQ(++holders, 1);
        ++done;
        std::this_thread::yield();
        --holders;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 2000);
}

}  // namespace
}  // namespace millrace
