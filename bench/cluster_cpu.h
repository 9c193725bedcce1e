#pragma once

#include <sys/types.h>

#include "absl/time/time.h"

namespace millrace::bench {

// The CPU time of all processes of a PostgreSQL cluster: backends, checkpointer, WAL writer,
// autovacuum, those that have ended included. A plain reader of /proc. Thread-compatible.
class ClusterCpu {
 public:
  // `backend` is a process of the cluster: its parent is the postmaster.
  explicit ClusterCpu(pid_t backend);

  // Since the cluster was started.
  absl::Duration Total() const;

 private:
  pid_t postmaster_;
};

}  // namespace millrace::bench
