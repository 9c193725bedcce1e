#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace millrace::bench {

// A named pipe at which whoever begins a job reports when it does. Used from one thread.
class PickupPipe {
 public:
  // Makes the pipe in `folder` and names it to programs that are started from here on
  // (kPickupPipeVariable).
  explicit PickupPipe(const std::string& folder);
  ~PickupPipe();
  PickupPipe(const PickupPipe&) = delete;
  PickupPipe& operator=(const PickupPipe&) = delete;

  const std::string& path() const { return path_; }
  // The time of the next report on the monotonic clock. INTERNAL if none comes.
  absl::StatusOr<absl::Duration> Read() const;

 private:
  std::string path_;
  int fd_ = -1;
};

// Reports that a job begins now at the pipe that ends in `fd`. False if it cannot be written.
bool ReportPickup(int fd);

}  // namespace millrace::bench
