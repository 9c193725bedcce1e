// Waiting for jobs, and changes that are repeated, where there are several servers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "client/library/job_queue_client.h"
#include "tests/e2e/command_process.h"
#include "tests/e2e/e2e_schema.h"
#include "tests/e2e/schema_server.h"
#include "tests/e2e/server_process.h"
#include "tests/support/eventually.h"

namespace millrace {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

constexpr char kJobs[] = "select count(*) from {schema}.job";
// Statements that add a job and wait for a lock.
constexpr char kWaiting[] =
    "select count(*) from pg_stat_activity where wait_event_type = 'Lock' "
    "and query like '%{schema}.add_valid_job%'";

// Two servers of one schema: of `idle_` the pool is not started, so that jobs run on `busy_`.
class WaitTest : public testing::Test {
 protected:
  WaitTest() : idle_(Start({"--no-autostart"})), busy_(Start({})) {}

  std::unique_ptr<ServerProcess> Start(std::vector<std::string> arguments) {
    return StartOn(schema_, std::move(arguments));
  }
  CommandEnd Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--address", idle_->grpc_address()});
    return RunToEnd(MILLRACE_COMMAND, arguments);
  }
  // To the idle server, and to the other one where that is gone.
  std::unique_ptr<client::Connection> ConnectToBoth() {
    return *client::Connection::Create(
        {.address = "ipv4:" + idle_->grpc_address() + "," + busy_->grpc_address(),
         .change_attempts = 5});
  }

  E2eSchema schema_;
  std::unique_ptr<ServerProcess> idle_;
  std::unique_ptr<ServerProcess> busy_;
};

TEST_F(WaitTest, TheResultOfAJobComesAlsoWhereAnotherServerRunsIt) {
  const CommandEnd end = Run({"run", "echo", R"({"n": 1})", "--timeout", "1m"});
  EXPECT_EQ(end.exit_code, 0) << end.err;
  EXPECT_EQ(end.out, "{\"n\": 1}\n");
  EXPECT_THAT(end.err, HasSubstr("(echo): completed\n"));
}

TEST_F(WaitTest, ExitCodesSayHowAJobHasEnded) {
  const CommandEnd failed =
      Run({"jobs", "add", "failing", "--max-attempts", "1", "--wait", "--timeout", "1m"});
  EXPECT_EQ(failed.exit_code, 7) << failed.err;
  EXPECT_THAT(failed.out, EndsWith("(failing): exhausted: as always\n"));
  const CommandEnd late = Run({"jobs", "add", "slow", "--wait", "--timeout", "1s"});
  EXPECT_EQ(late.exit_code, 9) << late.err;
  const std::string id = schema_.Query("select max(id) from {schema}.job");
  EXPECT_EQ(Run({"jobs", "cancel", id}).exit_code, 0);
  const CommandEnd cancelled = Run({"jobs", "wait", id, "--timeout", "1m"});
  EXPECT_EQ(cancelled.exit_code, 8) << cancelled.err;
  EXPECT_THAT(cancelled.out, EndsWith("(slow): cancelled: cancelled by an operator\n"));
  EXPECT_EQ(Run({"jobs", "wait", "77"}).exit_code, 4);
}

TEST_F(WaitTest, AWaitGoesOnAtAnotherServerWhenTheFirstOneStops) {
  const auto connection = ConnectToBoth();
  client::JobQueueClient queue(*connection);
  const auto added = queue.AddJob({.task_identifier = "slow"});
  ASSERT_TRUE(added.ok()) << added.status();
  const JobId id = added->job.job.id;
  absl::StatusOr<client::WaitedJob> end = absl::UnknownError("");
  std::thread waiter([&] { end = queue.WaitJob(id, absl::Minutes(2)); });
  EXPECT_TRUE(
      Eventually([&] { return schema_.Count("select count(*) from {schema}.claim") == 1; }));
  idle_->Signal(SIGTERM);
  EXPECT_EQ(idle_->WaitForExit(), 0);
  schema_.Query("select {schema}.cancel_jobs(array[" + std::to_string(id) + "], 'enough')");
  waiter.join();
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_TRUE(end->finished);
  EXPECT_EQ(end->job.state, JobState::kCancelled);
}

TEST_F(WaitTest, AJobThatIsAddedAgainSinceTheServerWasKilledIsAddedOnce) {
  const auto connection = ConnectToBoth();
  client::JobQueueClient queue(*connection);
  ASSERT_TRUE(queue.AddJob({.task_identifier = "noop"}).ok());
  // Holds up what both servers write of the request, and so its commit.
  pqxx::connection holder(schema_.url());
  pqxx::work hold(holder);
  hold.exec(schema_.InSchema("lock table {schema}.request in access exclusive mode"));
  absl::StatusOr<client::AddedJobDetails> added = absl::UnknownError("");
  std::thread adder([&] { added = queue.AddJob({.task_identifier = "noop"}); });
  EXPECT_TRUE(Eventually([&] { return schema_.Count(kWaiting) == 1; }));
  idle_->Signal(SIGKILL);
  idle_->WaitForExit();
  // What the dead server has sent to the database goes on there, and comes again by the other one.
  EXPECT_TRUE(Eventually([&] { return schema_.Count(kWaiting) == 2; }));
  hold.abort();
  adder.join();
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(added->result, AddResult::kCreated);
  EXPECT_EQ(schema_.Count(kJobs), 2);
}

}  // namespace
}  // namespace millrace
