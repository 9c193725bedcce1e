#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/model/job_spec.h"

namespace millrace {

// The settings of the service. A plain value.
struct RpcServerOptions {
  // Each host:port, [IPv6]:port or unix:/path. Port 0 means one that is free.
  std::vector<std::string> listen_addresses = {"127.0.0.1:50051"};
  // Calls of the JobQueue that are worked on at a time; more get RESOURCE_EXHAUSTED.
  int max_job_calls = 64;
  // Of a request. 10,000 jobs of the usual kind fit, or 63 with the largest payload.
  size_t max_message_bytes = 64 * 1024 * 1024;
  // Subscribers of the event feed at a time; more get RESOURCE_EXHAUSTED.
  size_t max_event_streams = 500;
  JobLimits limits;
  // Of jobs that are added without a number of attempts.
  int default_max_attempts = JobLimits::kDefaultMaxAttempts;

  // Jobs that a stopped pool has left locked are freed when they were claimed so long ago.
  absl::Duration lock_timeout = absl::Hours(4);

  // Every fault of the values, joined by "; ", as INVALID_ARGUMENT.
  absl::Status Validate() const;
};

}  // namespace millrace
