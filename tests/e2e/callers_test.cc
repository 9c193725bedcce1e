// What callers of a server do to its pool, and it to them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <thread>

#include "client/library/event_subscription.h"
#include "client/library/job_queue_client.h"
#include "tests/e2e/e2e_schema.h"
#include "tests/e2e/server_process.h"
#include "tests/support/eventually.h"

namespace millrace {
namespace {

using testing::Contains;

constexpr char kEnded[] = "select count(*) from {schema}.attempt_outcome where final";
constexpr char kRegistrations[] = "select count(*) from {schema}.worker";
constexpr char kHeartbeats[] = "select max(heartbeat) from {schema}.worker";

// An application that has added the job of a key and does not commit: whoever adds one with the
// same key waits for it.
class OpenTransaction {
 public:
  OpenTransaction(const E2eSchema& schema, const std::string& key)
      : connection_(schema.url()), work_(connection_) {
    work_.exec(schema.InSchema("select {schema}.add_job('noop', job_key => '" + key + "')"));
  }
  void Rollback() { work_.abort(); }

 private:
  pqxx::connection connection_;
  pqxx::work work_;
};

class CallersTest : public testing::Test {
 protected:
  void StartServer(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"--database-url=" + schema_.url(),
                                          "--schema=" + schema_.name()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    server_ = std::make_unique<ServerProcess>(MILLRACE_E2E_SERVER, arguments);
    ASSERT_TRUE(server_->WaitUntilReady()) << server_->output();
    // Makes the task known, so that adding another waits for nothing but its key.
    AddJobs("noop", 1);
    ASSERT_TRUE(Eventually([&] { return schema_.Count(kEnded) == 1; })) << server_->output();
  }

  void AddJobs(const std::string& task, int count) {
    schema_.Query("select count(*) from generate_series(1, " + std::to_string(count) +
                  ") n, {schema}.add_job('" + task + "', jsonb_build_object('n', n))");
  }

  std::unique_ptr<client::Connection> Connect(absl::Duration deadline) {
    return *client::Connection::Create({.address = server_->grpc_address(), .deadline = deadline});
  }

  absl::Status AddWithKey(const std::string& key, absl::Duration deadline) {
    const auto connection = Connect(deadline);
    return client::JobQueueClient(*connection)
        .AddJob({.task_identifier = "noop", .job_key = key})
        .status();
  }

  // Statements that add a job and wait for a lock.
  int CountWaiting() {
    return schema_.Count(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' "
        "and query like '%{schema}.add_valid_job%'");
  }

  E2eSchema schema_;
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(CallersTest, CallersThatWaitForALockHoldUpNeitherTheLeaseNorTheJobs) {
  StartServer({"--max-connections=10", "--lease-ttl-ms=3000", "--heartbeat-interval-ms=300"});
  OpenTransaction blocking(schema_, "taken");
  std::vector<std::thread> callers;
  for (int i = 0; i < 20; ++i) {
    callers.emplace_back([this] { AddWithKey("taken", absl::Minutes(2)).IgnoreError(); });
  }
  EXPECT_TRUE(Eventually([&] { return CountWaiting() >= 4; }));
  const int heartbeats = schema_.Count(kHeartbeats);
  AddJobs("noop", 1);
  // Sooner than the calls are given up.
  const absl::Duration soon = absl::Seconds(20);
  EXPECT_TRUE(Eventually([&] { return schema_.Count(kEnded) == 2; }, soon)) << server_->output();
  EXPECT_TRUE(Eventually([&] { return schema_.Count(kHeartbeats) > heartbeats + 10; }, soon));
  EXPECT_EQ(schema_.Count(kRegistrations), 1) << server_->output();
  EXPECT_EQ(CountWaiting(), 4);
  blocking.Rollback();
  for (std::thread& caller : callers) caller.join();
}

TEST_F(CallersTest, AJobIsNotAddedOnceItsCallerHasGivenUp) {
  StartServer({});
  OpenTransaction blocking(schema_, "taken");
  EXPECT_TRUE(absl::IsDeadlineExceeded(AddWithKey("taken", absl::Seconds(1))));
  EXPECT_TRUE(Eventually([&] { return CountWaiting() == 0; }, absl::Seconds(20)));
  blocking.Rollback();
  EXPECT_EQ(AddWithKey("free", absl::Minutes(1)), absl::OkStatus());
  EXPECT_EQ(schema_.Count("select count(*) from {schema}.job where job_key = 'taken'"), 0);
}

TEST_F(CallersTest, AFollowerGetsTheLastOutcomesAndTheStopOfThePool) {
  StartServer({"--graceful-shutdown-timeout-ms=100"});
  // Far more than connections buffer.
  constexpr int kBefore = 2000;
  AddJobs("verbose", kBefore);
  ASSERT_TRUE(Eventually([&] { return schema_.Count(kEnded) == kBefore + 1; }));
  AddJobs("slow", 1);
  ASSERT_TRUE(Eventually([&] { return schema_.Count("select count(*) from {schema}.claim") > 0; }));
  const auto connection = Connect(absl::Minutes(1));
  SystemClock clock;
  client::EventSubscription follower(
      *connection, clock, {.after = {.incarnation = server_->worker_id(), .sequence = 0}}, {});
  ASSERT_TRUE(follower.Next().ok());
  server_->Signal(SIGTERM);
  // Most of it has not been sent then.
  ASSERT_TRUE(server_->WaitForOutput("pool: stopped"));
  std::vector<std::string> types;
  while (types.empty() || types.back() != "pool/stop") {
    const auto message = follower.Next(absl::Seconds(20));
    ASSERT_TRUE(message.ok()) << message.status() << server_->output();
    const auto* events = std::get_if<std::vector<client::FeedEvent>>(&message->content);
    if (events == nullptr) continue;
    for (const client::FeedEvent& event : *events) types.push_back(event.type);
  }
  EXPECT_EQ(std::count(types.begin(), types.end(), "job/cancelled"), kBefore);
  EXPECT_THAT(types, Contains("job/interrupted"));
  EXPECT_EQ(server_->WaitForExit(), 0) << server_->output();
}

}  // namespace
}  // namespace millrace
