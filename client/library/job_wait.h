#pragma once

#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/library/connection.h"
#include "client/library/job_records.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/model/job.h"
#include "server/model/retry_policy.h"

namespace grpc {
class ClientContext;
}  // namespace grpc

namespace millrace::client {

// Waits for the end of one job, on whichever server it runs, over lost connections and restarts of
// the server. Made from a connection and a clock that outlive it. One thread calls Run; Cancel may
// be called by any.
class JobWait {
 public:
  struct Options {
    // Waits between tries, while they fail.
    RetryPolicy backoff = {.base = absl::Milliseconds(100), .maximum = absl::Seconds(2)};
    // How many tries may fail before the server has answered one; then Run returns the error. 0: no
    // limit. Once it has answered there is none.
    int first_attempts = 0;
    // Called by the thread in Run when a try has failed and another follows. May be empty.
    std::function<void(const absl::Status&)> on_failure;
  };

  JobWait(const Connection& connection, Clock& clock, JobId job, Options options);
  ~JobWait();

  // Returns when the job has ended, or after `timeout` (infinite: never) as it stands, not
  // finished. NOT_FOUND if there is no such job; CANCELLED after Cancel; UNAVAILABLE or
  // DEADLINE_EXCEEDED if the server, or its database, could not be asked when the timeout passed.
  absl::StatusOr<WaitedJob> Run(absl::Duration timeout);

  // Ends a Run under way, and all later ones.
  void Cancel();

 private:
  struct Wire;

  // One call, which waits for so long.
  absl::StatusOr<WaitedJob> Ask(absl::Duration wait);
  // Whether another try may follow this failure now, after a pause that may be cut short.
  bool MayTryAgain(const absl::Status& failure, absl::Duration deadline);
  bool cancelled() const;

  // Constant after construction.
  Clock& clock_;
  const JobId job_;
  const Options options_;
  const absl::Duration call_deadline_;
  const std::unique_ptr<Wire> wire_;

  // Of the thread in Run.
  absl::BitGen random_;
  int failures_ = 0;
  bool answered_ = false;

  mutable Mutex mutex_;
  CondVar changed_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  // Of the call under way; null if there is none.
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace millrace::client
