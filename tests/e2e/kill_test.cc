// Ten kills of servers under load, after which every job is accounted for (contract E1).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <memory>

#include "server/metrics/null_metrics_registry.h"
#include "tests/e2e/e2e_schema.h"
#include "tests/e2e/runs_file.h"
#include "tests/e2e/schema_server.h"
#include "tests/e2e/server_process.h"
#include "tests/fault/storage_checks.h"
#include "tests/support/eventually.h"
#include "tests/unit/app/temp_folder.h"

namespace millrace {
namespace {

using testing::IsEmpty;

constexpr int kKills = 10;
constexpr int kJobsOfATask = 3000;

class KillTest : public testing::Test {
 protected:
  std::unique_ptr<ServerProcess> StartServer() {
    return StartOn(schema_,
                   {"--concurrency=8", "--lease-ttl-ms=2000", "--heartbeat-interval-ms=300",
                    "--retry-base-ms=10", "--poll-interval-ms=200"},
                   {"E2E_RUNS_FILE=" + runs_file_});
  }
  void AddJobs(const std::string& task, const std::string& options = "") {
    schema_.Query("select count(*) from generate_series(1, " + std::to_string(kJobsOfATask) +
                  ") n, {schema}.add_job('" + task + "', jsonb_build_object('n', n)" + options +
                  ")");
  }
  int CountIn(const std::string& table_and_condition) {
    return schema_.Count("select count(*) from {schema}." + table_and_condition);
  }
  bool HoldsJobs(const ServerProcess& server) {
    return CountIn(
               "claim c join {schema}.worker w on w.id = c.worker where c.open_jobs > 0 and "
               "w.worker_id = '" +
               server.worker_id() + "'") > 0;
  }

  TempFolder folder_;
  const std::string runs_file_ = folder_.path() + "/runs";
  E2eSchema schema_;
};

TEST_F(KillTest, AfterTenKillsOfServersUnderLoadEveryJobIsAccountedFor) {
  std::array<std::unique_ptr<ServerProcess>, 2> servers = {StartServer(), StartServer()};
  constexpr int kJobs = 4 * kJobsOfATask;
  AddJobs("unhurried");
  AddJobs("brief");
  AddJobs("brief", ", queue_name => 'q' || n % 20");
  AddJobs("failing", ", max_attempts => 2");
  for (int kill = 0; kill < kKills; ++kill) {
    std::unique_ptr<ServerProcess>& victim = servers[kill % servers.size()];
    ASSERT_TRUE(Eventually([&] { return HoldsJobs(*victim); })) << victim->output();
    victim->Signal(SIGKILL);
    EXPECT_EQ(victim->WaitForExit(), -SIGKILL);
    victim = StartServer();
  }
  ASSERT_TRUE(Eventually(
      [&] { return CountIn("attempt_outcome where final") + CountIn("exhausted") == kJobs; },
      absl::Minutes(5)))
      << servers[0]->output();
  for (const auto& server : servers) {
    server->Signal(SIGTERM);
    EXPECT_EQ(server->WaitForExit(), 0) << server->output();
  }
  SystemClock clock;
  NullMetricsRegistry metrics;
  const auto database = *PostgresDatabase::Create(
      {.database_url = schema_.url(), .schema = schema_.name()}, metrics, clock);
  EXPECT_THAT(FindViolations(*database), IsEmpty());
  EXPECT_EQ(CountIn("job"), kJobs);
  EXPECT_EQ(CountIn("attempt_outcome where final and outcome = 'c'"), 3 * kJobsOfATask);
  EXPECT_EQ(CountIn("exhausted"), kJobsOfATask);
  for (const std::string place : {"ready", "scheduled", "follower", "claim"}) {
    EXPECT_EQ(CountIn(place), 0) << place;
  }
  // Each job has run, and each end of a run but those that were killed is on record.
  const std::map<std::string, int> runs = ReadRuns(runs_file_);
  const int lost = CountIn("attempt_outcome where outcome = 'l'");
  EXPECT_EQ(runs.size(), static_cast<size_t>(kJobs));
  EXPECT_GT(lost, 0);
  EXPECT_GE(CountRuns(runs), CountIn("attempt_outcome where outcome in ('c', 'f')"));
}

}  // namespace
}  // namespace millrace
