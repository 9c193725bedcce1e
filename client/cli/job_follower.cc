#include "client/cli/job_follower.h"

#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "client/cli/job_end.h"
#include "server/base/named_thread.h"

namespace millrace::cli {
namespace {

// Without events: between two looks at the state.
constexpr absl::Duration kStateInterval = absl::Seconds(1);

client::EventQuery QueryOf(JobId job, client::FeedPosition from) {
  client::EventQuery query;
  query.job_ids = {job};
  query.after = std::move(from);
  return query;
}

}  // namespace

JobFollower::JobFollower(const client::Connection& connection, Session& session, JobId job,
                         client::FeedPosition from)
    : job_(job),
      queue_(connection),
      wait_(connection, session.clock(), job, WaitOptions(session)),
      feed_(connection, session.clock(), QueryOf(job, std::move(from)),
            client::EventSubscription::Options()),
      line_(session, job) {}

absl::StatusOr<client::WaitedJob> JobFollower::Follow(absl::Duration timeout) {
  absl::StatusOr<client::WaitedJob> end = absl::UnknownError("");
  std::thread waiter = StartNamedThread("job-wait", [this, timeout, &end] {
    end = wait_.Run(timeout);
    feed_.Cancel();
  });
  while (true) {
    const absl::StatusOr<client::FeedMessage> message = feed_.Next(kStateInterval);
    if (message.ok()) {
      Show(*message);
    } else if (absl::IsDeadlineExceeded(message.status())) {
      ShowState();
    } else {
      break;  // Cancelled; or refused, and the end is waited for without.
    }
  }
  waiter.join();
  return end;
}

void JobFollower::Cancel() {
  wait_.Cancel();
  feed_.Cancel();
}

void JobFollower::Show(const client::FeedMessage& message) {
  const auto* events = std::get_if<std::vector<client::FeedEvent>>(&message.content);
  if (events == nullptr) return;
  for (const client::FeedEvent& event : *events) line_.ShowEvent(event);
}

void JobFollower::ShowState() {
  const absl::StatusOr<client::JobWithAttempts> job = queue_.GetJob(job_);
  if (job.ok()) line_.ShowState(job->job);
}

}  // namespace millrace::cli
