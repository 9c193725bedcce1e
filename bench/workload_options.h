#pragma once

#include <cstdint>
#include <string>

namespace millrace::bench {

// What the workloads have in common. A plain value.
struct WorkloadOptions {
  // A connection string of the private cluster.
  std::string database_url;
  int64_t jobs = 3'000'000;
  // How many jobs a row of the ready table stands for: 1 to 100.
  int jobs_per_row = 64;
  // Of how many tasks the jobs are, in turn; each is a lane of its own.
  int tasks = 1;
  // Bytes of padding in each payload beside {"id": n}.
  int padding = 0;
  // Jobs to a claim and a completion of the bare loops.
  int batch = 512;
  int connections = 2;
};

}  // namespace millrace::bench
