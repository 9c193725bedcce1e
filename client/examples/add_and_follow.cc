// add_and_follow ADDRESS TASK PAYLOAD - adds a job and follows the feed of that server until an
// attempt of it has ended. Exit code 0 if it was completed, 1 if not.
#include <iostream>

#include "client/library/connection.h"
#include "client/library/event_subscription.h"
#include "client/library/job_queue_client.h"
#include "server/base/clock.h"

namespace {

using millrace::JobEventData;
using millrace::client::FeedEvent;
using millrace::client::FeedMessage;

int Fail(const absl::Status& status) {
  std::cerr << "add_and_follow: " << status.message() << "\n";
  return 1;
}

// The type of the event that ends an attempt of this job, or nothing if the message holds none.
std::string EndOf(millrace::JobId job, const FeedMessage& message) {
  const auto* events = std::get_if<std::vector<FeedEvent>>(&message.content);
  if (events == nullptr) return "";
  for (const FeedEvent& event : *events) {
    const auto* data = std::get_if<JobEventData>(&event.data);
    if (data != nullptr && data->job_id == job && event.type != "job/started") return event.type;
  }
  return "";
}

int AddAndFollow(const std::string& address, const std::string& task, const std::string& payload) {
  const auto connection = millrace::client::Connection::Create({.address = address});
  if (!connection.ok()) return Fail(connection.status());

  // The first message says where the feed stands, before the job is there.
  millrace::SystemClock clock;
  millrace::client::EventSubscription feed(**connection, clock, {}, {.first_attempts = 3});
  if (const auto first = feed.Next(absl::Seconds(10)); !first.ok()) return Fail(first.status());

  millrace::client::JobQueueClient jobs(**connection);
  const auto added = jobs.AddJob({.task_identifier = task, .payload = payload});
  if (!added.ok()) return Fail(added.status());
  std::cout << "added job " << added->job.job.id << "\n";

  std::string end;
  while (end.empty()) {
    const auto message = feed.Next(absl::Minutes(5));
    if (!message.ok()) return Fail(message.status());
    end = EndOf(added->job.job.id, *message);
  }
  std::cout << end << "\n";
  return end == "job/completed" ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4) return AddAndFollow(argv[1], argv[2], argv[3]);
  std::cerr << "usage: add_and_follow ADDRESS TASK PAYLOAD\n";
  return 2;
}
