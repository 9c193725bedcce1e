#pragma once

#include <string>

namespace millrace {

// The names that the health service knows; the empty one is the server as a whole.
inline constexpr char kServerHealth[] = "";
inline constexpr char kWorkerPoolHealth[] = "millrace.v1.WorkerPool";
inline constexpr char kJobQueueHealth[] = "millrace.v1.JobQueue";

// Where others say whether a service can be used. Until they do, none serves. Thread-safe.
class HealthControl {
 public:
  virtual ~HealthControl() = default;
  // `service` is one of the names above. Without effect once the server shuts down.
  virtual void SetServing(const std::string& service, bool serving) = 0;
};

}  // namespace millrace
