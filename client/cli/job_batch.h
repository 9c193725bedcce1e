#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/library/job_queue_client.h"
#include "server/model/job_spec.h"

namespace millrace::cli {

// Jobs from consecutive lines of a file, on their way to the server in one call. Owned by the
// command; the client outlives it. Used from one thread: the command's.
class JobBatch {
 public:
  explicit JobBatch(client::JobQueueClient& queue) : queue_(queue) {}

  bool empty() const { return specs_.empty(); }
  // Whether the batch must be sent before this spec: it is full, or holds a job with its key,
  // which a call must not name twice.
  bool MustSendBefore(const JobSpec& spec) const;

  void Append(JobSpec spec, int64_t line);

  // Adds all, or none if it fails, and is empty then. The status names the line at fault instead
  // of the place in the call.
  absl::StatusOr<std::vector<client::AddedJob>> Send();

  // Of the jobs that were sent last, or are to be sent.
  const std::vector<int64_t>& lines() const { return lines_; }

 private:
  static size_t SizeOf(const JobSpec& spec);

  // Constant after construction.
  client::JobQueueClient& queue_;

  std::vector<JobSpec> specs_;
  std::vector<int64_t> lines_;
  absl::flat_hash_set<std::string> keys_;
  size_t bytes_ = 0;
};

// "jobs[3].payload: ..." as "line 1004: payload: ...", with the line of each job of the call.
std::string WithLine(const std::string& message, const std::vector<int64_t>& lines);

}  // namespace millrace::cli
