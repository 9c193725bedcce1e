#include "server/base/named_thread.h"

#include <pthread.h>

#include <utility>

namespace millrace {

std::thread StartNamedThread(const std::string& name, std::function<void()> body) {
  return std::thread([name = name.substr(0, 15), body = std::move(body)] {
    pthread_setname_np(pthread_self(), name.c_str());
    body();
  });
}

}  // namespace millrace
