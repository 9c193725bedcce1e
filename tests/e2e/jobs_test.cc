#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>
#include <set>

#include "tests/e2e/e2e_schema.h"
#include "tests/e2e/schema_server.h"
#include "tests/e2e/server_process.h"
#include "tests/support/eventually.h"

namespace millrace {
namespace {

using testing::HasSubstr;

constexpr char kEndedOnce[] =
    "select count(*) from {schema}.attempt_outcome where final and outcome = 'c'";
constexpr char kOutcomes[] = "select count(*) from {schema}.attempt_outcome";
constexpr char kDistinctJobs[] = "select count(distinct job_id) from {schema}.attempt_outcome";
constexpr char kWorkers[] = "select count(distinct worker) from {schema}.attempt_outcome";

// Jobs that take two servers several seconds.
constexpr int kMany = 3000;

class JobsTest : public testing::Test {
 protected:
  std::unique_ptr<ServerProcess> StartServer(std::vector<std::string> arguments = {
                                                 "--concurrency=4"}) {
    return StartOn(schema_, std::move(arguments), {"E2E_RUNS_FILE=" + RunsFile()});
  }

  void AddJobs(const std::string& task, int count) {
    schema_.Query("select count(*) from generate_series(1, " + std::to_string(count) +
                  ") n, {schema}.add_job('" + task + "', jsonb_build_object('n', n))");
  }

  bool AllComplete(int count) {
    return Eventually([&] { return schema_.Count(kEndedOnce) == count; }, absl::Minutes(3));
  }

  // What the handlers themselves have put down, whatever the database took: how often they ran, and
  // for how many jobs.
  struct RunCount {
    int runs = 0;
    int jobs = 0;
  };
  RunCount CountRuns() const {
    std::ifstream file(RunsFile());
    std::set<std::string> jobs;
    RunCount count;
    for (std::string job; std::getline(file, job); ++count.runs) jobs.insert(job);
    count.jobs = static_cast<int>(jobs.size());
    return count;
  }

  // Freezes the server, and lets it go on if it holds nothing just then.
  bool StopsWhileItHoldsJobs(const ServerProcess& server) {
    server.Signal(SIGSTOP);
    const int holds = schema_.Count(
        "select coalesce(sum(open_jobs), 0) from {schema}.claim c "
        "join {schema}.worker w on w.id = c.worker where w.worker_id = '" +
        server.worker_id() + "'");
    if (holds == 0) server.Signal(SIGCONT);
    return holds > 0;
  }

  // Waits until a handler of the task runs.
  bool Runs(const std::string& task) {
    return Eventually([&] {
      return schema_.Count(
                 "select count(*) from {schema}.claim c cross join unnest(c.first_ids) i "
                 "join {schema}.job j on j.id = i join {schema}.lane l on l.id = j.lane "
                 "where l.task_identifier = '" +
                 task + "'") > 0;
    });
  }

  E2eSchema schema_;

 private:
  std::string RunsFile() const { return folder_.path() + "/runs"; }

  TempFolder folder_;
};

TEST_F(JobsTest, TwoServersRunEachOfTenThousandJobsOnce) {
  const auto first = StartServer();
  const auto second = StartServer();
  for (int batch = 0; batch < 10; ++batch) AddJobs("brief", 1000);
  ASSERT_TRUE(AllComplete(10'000)) << first->output() << second->output();
  EXPECT_EQ(schema_.Count(kOutcomes), 10'000);
  EXPECT_EQ(schema_.Count(kDistinctJobs), 10'000);
  EXPECT_EQ(schema_.Count(kWorkers), 2);
  EXPECT_EQ(CountRuns().runs, 10'000);
  EXPECT_EQ(CountRuns().jobs, 10'000);
}

TEST_F(JobsTest, ASigtermInTheMiddleLosesAndRepeatsNothing) {
  const auto first = StartServer();
  const auto second = StartServer({"--concurrency=8"});
  AddJobs("unhurried", kMany);
  ASSERT_TRUE(Eventually([&] { return schema_.Count(kWorkers) == 2; }));
  first->Signal(SIGTERM);
  EXPECT_EQ(first->WaitForExit(), 0) << first->output();
  ASSERT_LT(schema_.Count(kOutcomes), kMany) << "that was not in the middle";
  ASSERT_TRUE(AllComplete(kMany)) << second->output();
  EXPECT_EQ(schema_.Count(kOutcomes), kMany);
  EXPECT_EQ(schema_.Count(kDistinctJobs), kMany);
  EXPECT_EQ(CountRuns().runs, kMany);
  EXPECT_EQ(CountRuns().jobs, kMany);
}

TEST_F(JobsTest, AKillInTheMiddleLosesNothing) {
  const std::vector<std::string> short_lease = {"--lease-ttl-ms=1000",
                                                "--heartbeat-interval-ms=300", "--concurrency=8"};
  const auto first = StartServer(short_lease);
  const auto second = StartServer(short_lease);
  AddJobs("unhurried", kMany);
  ASSERT_TRUE(Eventually([&] { return schema_.Count(kWorkers) == 2; }));
  ASSERT_TRUE(Eventually([&] { return StopsWhileItHoldsJobs(*first); }));
  first->Signal(SIGKILL);
  EXPECT_EQ(first->WaitForExit(), -SIGKILL);
  ASSERT_LT(schema_.Count(kEndedOnce), kMany) << "that was not in the middle";
  ASSERT_TRUE(AllComplete(kMany)) << second->output();
  // What the first one held is on record as lost, and has run again.
  EXPECT_GT(schema_.Count("select count(*) from {schema}.attempt_outcome where outcome = 'l'"), 0);
  EXPECT_EQ(schema_.Count("select count(distinct job_id) from {schema}.attempt_outcome "
                          "where final and outcome = 'c'"),
            kMany);
  EXPECT_EQ(CountRuns().jobs, kMany);
}

TEST_F(JobsTest, AJobAddedInATransactionRunsIfAndOnlyIfThatCommits) {
  const auto server = StartServer();
  const std::string script =
      "begin; select {schema}.add_job('noop'); rollback; "
      "begin; select {schema}.add_job('noop'); commit;";
  FILE* psql =
      popen(("psql -X -q -v ON_ERROR_STOP=1 '" + schema_.url() + "' >/dev/null").c_str(), "w");
  ASSERT_NE(psql, nullptr);
  std::fputs(schema_.InSchema(script).c_str(), psql);
  ASSERT_EQ(pclose(psql), 0);
  ASSERT_TRUE(AllComplete(1)) << server->output();
  EXPECT_EQ(schema_.Count("select count(*) from {schema}.job"), 1);
}

TEST_F(JobsTest, AnIdleServerIsToldOfAJobThatAnyProgramAdds) {
  const auto server = StartServer({"--poll-interval-ms=3600000"});
  for (int jobs = 1; jobs <= 2; ++jobs) {
    ASSERT_TRUE(Eventually([&] {
      return schema_.Count("select count(*) from {schema}.worker where idle") == 1;
    })) << server->output();
    AddJobs("noop", 1);
    ASSERT_TRUE(AllComplete(jobs)) << server->output();
  }
}

TEST_F(JobsTest, AJobWhoseTaskFailsIsKeptForItsRetry) {
  const auto server = StartServer();
  AddJobs("failing", 1);
  EXPECT_TRUE(Eventually([&] { return schema_.Count(kOutcomes) == 1; })) << server->output();
  EXPECT_EQ(schema_.Count("select count(*) from {schema}.scheduled"), 1);
}

TEST_F(JobsTest, HandlersAreInterruptedAfterTheTimeoutAndTheirJobsKept) {
  const auto server = StartServer({"--graceful-shutdown-timeout-ms=100"});
  AddJobs("slow", 1);
  ASSERT_TRUE(Runs("slow"));
  server->Signal(SIGTERM);
  EXPECT_EQ(server->WaitForExit(), 0) << server->output();
  EXPECT_EQ(schema_.Count("select count(*) from {schema}.ready"), 1) << server->output();
}

TEST_F(JobsTest, ASecondSignalDoesNotWaitForHandlers) {
  const auto server = StartServer({"--graceful-shutdown-timeout-ms=3600000"});
  AddJobs("slow", 1);
  ASSERT_TRUE(Runs("slow"));
  server->Signal(SIGTERM);
  ASSERT_TRUE(server->WaitForOutput("stopping"));
  server->Signal(SIGTERM);
  EXPECT_EQ(server->WaitForExit(), 0) << server->output();
}

TEST_F(JobsTest, AHandlerThatIgnoresTheRequestDoesNotKeepTheServer) {
  const auto server = StartServer({"--graceful-shutdown-timeout-ms=100", "--stop-grace-ms=100"});
  AddJobs("ignoring", 1);
  ASSERT_TRUE(Runs("ignoring"));
  server->Signal(SIGTERM);
  EXPECT_EQ(server->WaitForExit(), 3) << server->output();
  EXPECT_THAT(server->output(), HasSubstr("ignore the request to stop"));
}

}  // namespace
}  // namespace millrace
