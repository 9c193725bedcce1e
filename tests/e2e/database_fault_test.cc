// The database goes away in every way and comes back, under load (contract E1, E3).
// DATABASE_OUTAGE_SECONDS says for how long it is away.

#include <gmock/gmock.h>

#include <cstdlib>
#include <sstream>

#include "tests/e2e/load_fixture.h"
#include "tests/unit/app/http_request.h"

namespace millrace {
namespace {

using testing::HasSubstr;

// Several seconds of work for one server.
constexpr int kMany = 1000;
// How soon work must go on when the database is back.
constexpr absl::Duration kSoon = absl::Seconds(5);

absl::Duration OutageTime() {
  const char* value = std::getenv("DATABASE_OUTAGE_SECONDS");
  return absl::Seconds(value == nullptr ? 6 : std::atoll(value));
}

class DatabaseFaultTest : public LoadFixture {
 protected:
  void StartUnderLoad(const std::vector<std::string>& more = {}) {
    server_ = StartServer(schema_, more);
    AddJobs(schema_, "unhurried", kMany);
    ASSERT_TRUE(WaitUntilEnded(schema_, 100)) << server_->output();
  }
  std::string Get(const std::string& path) {
    return HttpRequest(server_->http_port(), "GET " + path);
  }
  // Calls to the database that have failed, over all statements.
  int64_t CountDatabaseErrors() {
    std::istringstream page(Get("/metrics"));
    double sum = 0;
    for (std::string line; std::getline(page, line);) {
      if (line.starts_with("millrace_database_errors_total{")) {
        sum += std::stod(line.substr(line.rfind(' ')));
      }
    }
    return static_cast<int64_t>(sum);
  }
  // Lets time pass until the end of the outage; the server is alive, not ready, and patient.
  void ExpectPatienceUntil(absl::Time end) {
    const absl::Time began = absl::Now();
    const int64_t errors = CountDatabaseErrors();
    ASSERT_TRUE(Eventually([this] { return Get("/readyz").find("503") != std::string::npos; }));
    EXPECT_TRUE(Eventually(
        [&] {
          EXPECT_THAT(Get("/livez"), HasSubstr("200 OK"));
          return absl::Now() >= end;
        },
        absl::Minutes(5)));
    const double seconds = absl::ToDoubleSeconds(absl::Now() - began);
    // The claimer, the recorder, the lease keeper and the readiness, each at most twice a second,
    // and the shorter pauses at the beginning.
    EXPECT_LE(static_cast<double>(CountDatabaseErrors() - errors), 20 + 8 * seconds);
  }
  void ExpectWorkGoesOnSoon() {
    const absl::Time back = absl::Now();
    // Before all others, so that it is new work, and none that was waiting to be recorded.
    schema_.Query("select {schema}.add_job('noop', priority => -1)");
    EXPECT_TRUE(Eventually(
        [this] {
          return schema_.Count(
                     "select count(*) from {schema}.attempt_outcome o join {schema}.job j on j.id "
                     "= o.job_id where j.priority = -1") == 1;
        },
        kSoon))
        << server_->output();
    EXPECT_TRUE(Eventually([this] { return Get("/readyz").find("200 OK") != std::string::npos; },
                           kSoon - (absl::Now() - back)))
        << server_->output();
  }
  void ExpectAllEnd(int jobs) {
    ASSERT_TRUE(WaitUntilEnded(schema_, jobs)) << server_->output();
    ExpectEachCompletedOnce(schema_, jobs);
  }
  // Jobs ran once each, and left one record each.
  void ExpectNothingRanTwice() {
    const std::map<std::string, int> runs = RunsIn(schema_);
    EXPECT_EQ(runs.size(), static_cast<size_t>(kMany));
    EXPECT_EQ(CountRuns(runs), kMany);
    EXPECT_EQ(schema_.Count("select count(*) from {schema}.attempt_outcome where outcome <> 'c'"),
              0);
  }

  std::unique_ptr<ServerProcess> server_;
};

TEST_F(DatabaseFaultTest, AfterACrashAndAnOutageLongerThanTheLeaseWorkGoesOnAndNothingIsLost) {
  ASSERT_NO_FATAL_FAILURE(StartUnderLoad());
  const absl::Time began = absl::Now();
  cluster_.Crash();
  ASSERT_NO_FATAL_FAILURE(ExpectPatienceUntil(began + OutageTime()));
  cluster_.Restart();
  ExpectWorkGoesOnSoon();
  ExpectAllEnd(kMany + 1);
  // A crash may undo claims of its last moments: their jobs run once more.
  EXPECT_EQ(RunsIn(schema_).size(), static_cast<size_t>(kMany));
}

TEST_F(DatabaseFaultTest, ADatabaseThatStandsStillForLongerThanTheLeaseCostsNothingButTime) {
  ASSERT_NO_FATAL_FAILURE(StartUnderLoad());
  const absl::Time began = absl::Now();
  cluster_.Freeze();
  ASSERT_NO_FATAL_FAILURE(ExpectPatienceUntil(began + OutageTime()));
  cluster_.Thaw();
  ExpectWorkGoesOnSoon();
  ExpectAllEnd(kMany + 1);
  ExpectNothingRanTwice();
}

TEST_F(DatabaseFaultTest, BackendsThatAreTerminatedOneByOneCostNothing) {
  ASSERT_NO_FATAL_FAILURE(StartUnderLoad());
  int terminated = 0;
  ASSERT_TRUE(Eventually([&] {
    const std::string done = schema_.Query(
        "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client "
        "backend' and pid <> pg_backend_pid() order by random() limit 1");
    terminated += done == "t" ? 1 : 0;
    return terminated == 100;
  })) << server_->output();
  EXPECT_LT(CountEnded(schema_), kMany) << "that was not in the middle";
  ExpectAllEnd(kMany);
  ExpectNothingRanTwice();
}

TEST_F(DatabaseFaultTest, OutcomesWhoseCommitWasCutOffCountOnce) {
  ASSERT_NO_FATAL_FAILURE(StartUnderLoad());
  for (int round = 0; round < 3; ++round) {
    // Commits are done, and wait for a standby that does not exist before they are answered.
    schema_.Query("alter system set synchronous_standby_names = 'nobody'");
    schema_.Query("select pg_reload_conf()");
    ASSERT_TRUE(Eventually([this] {
      return schema_.Count(
                 "select count(*) from pg_stat_activity where wait_event = 'SyncRep' and (query "
                 "like '%Completes jobs%' or query = 'COMMIT')") > 0;
    })) << server_->output();
    schema_.Query("alter system reset synchronous_standby_names");
    schema_.Query(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where wait_event = "
        "'SyncRep'");
    schema_.Query("select pg_reload_conf()");
  }
  ExpectAllEnd(kMany);
  ExpectNothingRanTwice();
  EXPECT_THAT(Get("/metrics"),
              HasSubstr("millrace_jobs_finished_total{outcome=\"completed\",task=\"unhurried\"} " +
                        std::to_string(kMany)));
  EXPECT_THAT(server_->output(), HasSubstr("record outcomes"));
}

}  // namespace
}  // namespace millrace
