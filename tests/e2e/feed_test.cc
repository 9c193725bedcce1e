// The event feed of a real server, as those see it who follow it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "client/library/event_subscription.h"
#include "client/library/worker_pool_client.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/base/named_thread.h"
#include "tests/e2e/e2e_schema.h"
#include "tests/e2e/schema_server.h"
#include "tests/e2e/server_process.h"
#include "tests/support/eventually.h"

namespace millrace {
namespace {

// Every attempt that history has, as "job attempt outcome".
constexpr char kHistory[] =
    "select string_agg(job_id || ' ' || attempt || ' ' || outcome::text, ',') "
    "from {schema}.attempt_outcome";
constexpr char kOpenJobs[] =
    "select count(*) from {schema}.job j where not exists (select from {schema}.exhausted e "
    "where e.id = j.id) and not exists (select from {schema}.attempt_outcome o "
    "where o.job_id = j.id and o.final)";

using Attempts = std::multiset<std::string>;

// Follows the feed in a thread of its own, over whatever happens to the server. Thread-safe.
class Follower {
 public:
  explicit Follower(const client::Connection& connection)
      : subscription_(connection, clock_, {}, {}), thread_(StartNamedThread("follower", [this] {
          ended_ = subscription_.Run([this](const client::FeedMessage& message) { Take(message); });
        })) {}
  ~Follower() {
    subscription_.Cancel();
    thread_.join();
    EXPECT_EQ(ended_, absl::OkStatus());
  }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  bool WaitUntilItFollows() {
    return Eventually([this] { return !subscription_.position().incarnation.empty(); });
  }
  bool WaitForAttempts(size_t count) {
    return Eventually([&] { return attempts().size() >= count; });
  }
  // As history has them.
  Attempts attempts() {
    MutexLock lock(mutex_);
    return attempts_;
  }
  uint64_t missed() {
    MutexLock lock(mutex_);
    return missed_;
  }

 private:
  void Take(const client::FeedMessage& message) {
    MutexLock lock(mutex_);
    if (const auto* gap = std::get_if<client::FeedGap>(&message.content)) {
      missed_ += gap->last_missing + 1 - gap->first_missing;
    }
    const auto* events = std::get_if<std::vector<client::FeedEvent>>(&message.content);
    if (events == nullptr) return;
    for (const client::FeedEvent& event : *events) {
      const auto* job = std::get_if<JobEventData>(&event.data);
      const std::string outcome = event.type == "job/completed"     ? "c"
                                  : event.type == "job/exhausted"   ? "f"
                                  : event.type == "job/interrupted" ? "i"
                                                                    : "";
      if (job == nullptr || outcome.empty()) continue;
      attempts_.insert(std::to_string(job->job_id) + " " + std::to_string(job->attempt) + " " +
                       outcome);
    }
  }

  SystemClock clock_;
  client::EventSubscription subscription_;
  Mutex mutex_;
  Attempts attempts_ ABSL_GUARDED_BY(mutex_);
  uint64_t missed_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status ended_;
  std::thread thread_;
};

class FeedTest : public testing::Test {
 protected:
  std::unique_ptr<ServerProcess> StartServer(const std::vector<std::string>& variables = {}) {
    std::vector<std::string> all = {"E2E_EVENTS_FILE=" + EventsFile()};
    all.insert(all.end(), variables.begin(), variables.end());
    return StartOn(schema_, {"--concurrency=4", "--listen=" + address()}, std::move(all));
  }
  void Terminate(ServerProcess& server) {
    server.Signal(SIGTERM);
    EXPECT_EQ(server.WaitForExit(), 0) << server.output();
  }

  void AddJobs(const std::string& task, int count) {
    schema_.Query("select count(*) from generate_series(1, " + std::to_string(count) +
                  ") n, {schema}.add_job('" + task +
                  "', jsonb_build_object('n', n), max_attempts => 1)");
  }

  Attempts History() {
    Attempts attempts;
    std::istringstream list(schema_.Query(kHistory));
    for (std::string attempt; std::getline(list, attempt, ',');) attempts.insert(attempt);
    return attempts;
  }
  bool WaitUntilAttempted(size_t count) {
    return Eventually([&] { return History().size() >= count; });
  }

  std::string address() const { return "unix:" + folder_.path() + "/socket"; }
  std::string EventsFile() const { return folder_.path() + "/events"; }

  TempFolder folder_;
  E2eSchema schema_;
};

TEST_F(FeedTest, TwoFollowersSeeTheWholeHistoryOverStopsAndARestartUnderLoad) {
  auto server = StartServer();
  const auto connection = client::Connection::Create({.address = address()}).value();
  client::WorkerPoolClient pool(*connection);
  Follower first(*connection);
  Follower second(*connection);
  ASSERT_TRUE(first.WaitUntilItFollows() && second.WaitUntilItFollows());
  AddJobs("brief", 2000);
  AddJobs("failing", 200);
  AddJobs("unhurried", 200);
  ASSERT_TRUE(WaitUntilAttempted(100));
  ASSERT_TRUE(pool.Stop(std::nullopt).ok());
  ASSERT_TRUE(pool.Start().ok());
  ASSERT_TRUE(WaitUntilAttempted(500));
  ASSERT_TRUE(pool.ForceStop().ok());
  ASSERT_TRUE(Eventually([&] { return pool.Start().ok(); }));
  ASSERT_TRUE(WaitUntilAttempted(900));
  Terminate(*server);
  ASSERT_LT(History().size(), 2400u) << "that was not under load";
  server = StartServer();
  ASSERT_TRUE(Eventually([this] { return schema_.Count(kOpenJobs) == 0; }, absl::Minutes(3)));
  const Attempts history = History();
  for (Follower* follower : {&first, &second}) {
    EXPECT_TRUE(follower->WaitForAttempts(history.size()));
    EXPECT_TRUE(follower->attempts() == history);
    EXPECT_EQ(follower->missed(), 0u);
  }
}

TEST_F(FeedTest, HandlersOfTheServersOwnProcessSeeEveryEvent) {
  {
    const auto server = StartServer();
    AddJobs("noop", 1);
    ASSERT_TRUE(WaitUntilAttempted(1));
    Terminate(*server);
  }
  std::ifstream file(EventsFile());
  std::vector<std::string> types;
  for (std::string line; std::getline(file, line);) types.push_back(line);
  EXPECT_THAT(types, testing::ElementsAre("pool/start", "job/completed", "pool/stop"));
}

TEST_F(FeedTest, AnEventHandlerThatNeverReturnsDoesNotKeepTheServer) {
  const auto server = StartServer({"E2E_ENDLESS_EVENT_HANDLER=1"});
  server->Signal(SIGTERM);
  EXPECT_EQ(server->WaitForExit(), 3) << server->output();
  EXPECT_THAT(server->output(), testing::HasSubstr("leaving although event handler 2 has not "
                                                   "returned from event 2 (pool/stop)"));
  EXPECT_EQ(schema_.Count("select count(*) from {schema}.worker where ended_at is null"), 0);
}

}  // namespace
}  // namespace millrace
