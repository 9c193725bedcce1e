#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/progress_line.h"
#include "client/cli/session.h"
#include "client/library/connection.h"
#include "client/library/event_subscription.h"
#include "client/library/job_queue_client.h"
#include "client/library/job_wait.h"

namespace millrace::cli {

// Follows one job to its end, and shows on the way what becomes of it: events of the server that it
// is connected to, and the state of the job, which says more where another server runs it. One
// thread calls Follow; Cancel may be called by any.
class JobFollower {
 public:
  // Events are shown from `from` on.
  JobFollower(const client::Connection& connection, Session& session, JobId job,
              client::FeedPosition from);

  // As JobWait::Run.
  absl::StatusOr<client::WaitedJob> Follow(absl::Duration timeout);

  void Cancel();

 private:
  void Show(const client::FeedMessage& message);
  void ShowState();

  // Constant after construction.
  const JobId job_;

  client::JobQueueClient queue_;
  client::JobWait wait_;
  client::EventSubscription feed_;
  ProgressLine line_;
};

}  // namespace millrace::cli
