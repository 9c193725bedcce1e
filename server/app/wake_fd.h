#pragma once

#include "server/app/unique_fd.h"

namespace millrace {

// A flag that can be waited for with poll: once set it stays readable. Owned by whoever waits.
// Thread-safe.
class WakeFd {
 public:
  WakeFd();

  void Set();
  bool IsSet() const;
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace millrace
