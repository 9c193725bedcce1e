#pragma once

#include <cstddef>

namespace millrace {

// The limits of what a handler's words may be in history. What is longer is cut off; a result or
// partial result that is longer, or not JSON, fails the attempt.
struct OutcomeLimits {
  static constexpr size_t kMessageBytes = 8 * 1024;
  static constexpr size_t kDetailBytes = 64 * 1024;
  static constexpr size_t kResultBytes = 1024 * 1024;
  static constexpr size_t kSteps = 10'000;
  static constexpr size_t kStepBytes = 1024;
  // Of all names of steps together: with the results an outcome fits into the 4 MiB that clients of
  // gRPC take.
  static constexpr size_t kAllStepsBytes = 1024 * 1024;
};

}  // namespace millrace
