// Start, Stop and ForceStop over gRPC from many clients at once, while jobs run (contract A3 to
// A8).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <thread>

#include "client/library/worker_pool_client.h"
#include "tests/e2e/e2e_schema.h"
#include "tests/e2e/runs_file.h"
#include "tests/e2e/server_process.h"
#include "tests/support/eventually.h"
#include "tests/unit/app/temp_folder.h"

namespace millrace {
namespace {

using testing::AnyOf;

constexpr int kClients = 6;
// Of each client; some take as long as the pool takes to stop.
constexpr int kCalls = 60;
constexpr int kJobsOfATask = 400;

class PoolCallsStressTest : public testing::Test {
 protected:
  void StartServer() {
    server_ = std::make_unique<ServerProcess>(
        MILLRACE_E2E_SERVER,
        std::vector<std::string>{"--database-url=" + schema_.url(), "--schema=" + schema_.name(),
                                 "--concurrency=4", "--graceful-shutdown-timeout-ms=50",
                                 "--poll-interval-ms=50", "--retry-base-ms=5"},
        std::vector<std::string>{"E2E_RUNS_FILE=" + runs_file_});
    ASSERT_TRUE(server_->WaitUntilReady()) << server_->output();
  }
  std::unique_ptr<client::Connection> Connect() {
    return *client::Connection::Create(
        {.address = server_->grpc_address(), .deadline = absl::Minutes(1)});
  }
  void AddJobs(const std::string& task, const std::string& options) {
    schema_.Query("select count(*) from generate_series(1, " + std::to_string(kJobsOfATask) +
                  ") n, {schema}.add_job('" + task + "', jsonb_build_object('n', n)" + options +
                  ")");
  }
  void Operate(int client) {
    std::mt19937_64 random(client);
    const auto connection = Connect();
    client::WorkerPoolClient pool(*connection);
    static const std::array<std::optional<absl::Duration>, 4> kTimeouts = {
        std::nullopt, absl::ZeroDuration(), absl::Milliseconds(5), absl::Hours(1)};
    for (int i = 0; i < kCalls; ++i) {
      switch (random() % 6) {
        case 0:
          ExpectFine(pool.Stop(kTimeouts[random() % kTimeouts.size()]).status());
          break;
        case 1:
          ExpectFine(pool.ForceStop().status());
          break;
        case 2:
          EXPECT_LE(pool.Stats()->active, 4);
          break;
        default:
          ExpectFine(pool.Start().status());
          // Something is to run before the next one stops it.
          AwaitClaims(pool, random() % 10);
      }
    }
  }
  // Until so many jobs more were claimed, or it was stopped.
  static void AwaitClaims(client::WorkerPoolClient& pool, int64_t jobs) {
    const int64_t before = pool.Stats()->claimed;
    Eventually(
        [&] {
          const auto stats = pool.Stats();
          return !stats->running || stats->claimed >= before + jobs;
        },
        absl::Milliseconds(200));
  }
  static void ExpectFine(const absl::Status& status) {
    EXPECT_THAT(status.code(), AnyOf(absl::StatusCode::kOk, absl::StatusCode::kFailedPrecondition))
        << status;
  }
  int CountIn(const std::string& table_and_condition) {
    return schema_.Count("select count(*) from {schema}." + table_and_condition);
  }
  int CountOutcomes(const std::string& letter) {
    return CountIn("attempt_outcome where outcome = '" + letter + "'");
  }

  TempFolder folder_;
  const std::string runs_file_ = folder_.path() + "/runs";
  E2eSchema schema_;
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(PoolCallsStressTest, EveryJobIsAccountedForWhateverManyCallersDoAtOnce) {
  ASSERT_NO_FATAL_FAILURE(StartServer());
  AddJobs("brief", "");
  AddJobs("yielding", "");
  AddJobs("brief", ", queue_name => 'q' || n % 5");
  AddJobs("failing", ", max_attempts => 2");
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i) clients.emplace_back([this, i] { Operate(i); });
  for (std::thread& client : clients) client.join();

  const auto connection = Connect();
  client::WorkerPoolClient pool(*connection);
  ASSERT_TRUE(Eventually([&] {
    // Refused while it still stops, or runs already.
    pool.Start().status().IgnoreError();
    return CountIn("attempt_outcome where final") + CountIn("exhausted") == 4 * kJobsOfATask;
  })) << server_->output();
  ExpectFine(pool.Stop(std::nullopt).status());
  EXPECT_EQ(CountOutcomes("c"), 3 * kJobsOfATask);
  EXPECT_EQ(CountOutcomes("f"), 2 * kJobsOfATask);
  EXPECT_EQ(CountIn("exhausted"), kJobsOfATask);
  EXPECT_EQ(CountIn("claim"), 0);
  EXPECT_EQ(CountIn("worker where ended_at is null"), 0);
  EXPECT_EQ(CountRuns(ReadRuns(runs_file_)), CountIn("attempt_outcome"));
  const auto stats = pool.Stats();
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_EQ(stats->completed, CountOutcomes("c"));
  EXPECT_EQ(stats->failed, CountOutcomes("f"));
  EXPECT_EQ(stats->interrupted, CountOutcomes("i"));
  EXPECT_EQ(stats->claimed, CountIn("attempt_outcome") + stats->given_back);
  EXPECT_EQ(stats->errors, 0);
  EXPECT_EQ(stats->active + stats->buffered + stats->stuck, 0);
}

}  // namespace
}  // namespace millrace
