#include "server/base/named_thread.h"

#include <pthread.h>

#include <string>

#include "gtest/gtest.h"

namespace millrace {
namespace {

std::string NameOfThread(const std::string& given) {
  char name[64] = {};
  std::thread thread =
      StartNamedThread(given, [&name] { pthread_getname_np(pthread_self(), name, sizeof(name)); });
  thread.join();
  return name;
}

TEST(NamedThreadTest, ThreadHasItsName) { EXPECT_EQ(NameOfThread("claimer"), "claimer"); }

TEST(NamedThreadTest, LongNameIsCut) {
  EXPECT_EQ(NameOfThread("a-name-that-is-too-long"), "a-name-that-is-");
}

}  // namespace
}  // namespace millrace
