#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/unit/app/temp_folder.h"

namespace millrace {

// A PostgreSQL cluster for one test that does to it what must not happen to the others: it crashes,
// freezes, comes back. Used from the test's main thread.
class PrivateCluster {
 public:
  PrivateCluster();
  ~PrivateCluster();
  PrivateCluster(const PrivateCluster&) = delete;
  PrivateCluster& operator=(const PrivateCluster&) = delete;

  std::string url() const;

  // As if the machine had failed. Restart returns when connections are taken again.
  void Crash();
  void Restart();

  // All of its processes stand still. REQUIRES for Thaw: it is frozen.
  void Freeze();
  void Thaw();

 private:
  void Do(const std::string& action);

  TempFolder folder_;
  std::vector<pid_t> frozen_;
};

}  // namespace millrace
