#pragma once

#include <string>

namespace millrace::bench {

// What millrace-bench and the server that it starts agree on.

// Tasks that do nothing: DrainTask(0) to DrainTask(kMostTasks - 1).
constexpr int kMostTasks = 32;
inline std::string DrainTask(int number) { return "bench_" + std::to_string(number); }

// A task that writes the moment at which its handler begins, in nanoseconds of the monotonic clock
// as an int64_t, to the named pipe that this environment variable names.
constexpr char kPickupTask[] = "bench_pickup";
constexpr char kPickupPipeVariable[] = "MILLRACE_BENCH_PICKUP_PIPE";

}  // namespace millrace::bench
