#pragma once

#include <string>

namespace millrace {

// Who a pool is to the others. A plain value.
struct WorkerIdentity {
  // Unique to this incarnation of the process.
  std::string worker_id;
  // Outlives the incarnation; by default the host's name.
  std::string pool_name;
  std::string host;
  int pid = 0;
  std::string version;
};

}  // namespace millrace
