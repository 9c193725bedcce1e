#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/e2e_schema.h"
#include "tests/e2e/private_cluster.h"
#include "tests/e2e/runs_file.h"
#include "tests/e2e/schema_server.h"
#include "tests/e2e/server_process.h"
#include "tests/support/eventually.h"
#include "tests/unit/app/temp_folder.h"

namespace millrace {

// A cluster of its own, and servers that run jobs in it. Used from the test's main thread.
class LoadFixture : public testing::Test {
 protected:
  std::unique_ptr<ServerProcess> StartServer(E2eSchema& schema,
                                             std::vector<std::string> more = {}) {
    more.insert(more.begin(),
                {"--concurrency=8", "--lease-ttl-ms=3000", "--heartbeat-interval-ms=500"});
    return StartOn(schema, std::move(more),
                   {"E2E_RUNS_FILE=" + RunsFile(schema), "E2E_GATE_FILE=" + GateFile(schema)});
  }
  static void AddJobs(E2eSchema& schema, const std::string& task, int count) {
    schema.Query("select count(*) from generate_series(1, " + std::to_string(count) +
                 ") n, {schema}.add_job('" + task + "', jsonb_build_object('n', n))");
  }
  static int CountEnded(E2eSchema& schema) {
    return schema.Count("select count(*) from {schema}.attempt_outcome where final");
  }
  static int CountOutcomes(E2eSchema& schema) {
    return schema.Count("select count(*) from {schema}.attempt_outcome");
  }
  static bool WaitUntilEnded(E2eSchema& schema, int count,
                             absl::Duration within = absl::Minutes(3)) {
    return Eventually([&] { return CountEnded(schema) >= count; }, within);
  }
  // How often each job has begun to run.
  std::map<std::string, int> RunsIn(const E2eSchema& schema) const {
    return ReadRuns(RunsFile(schema));
  }
  // The file for which jobs of the task "gated" wait.
  std::string GateFile(const E2eSchema& schema) const {
    return folder_.path() + "/gate-" + schema.name();
  }

  // Every one has completed, once, and nothing is left of it anywhere.
  static void ExpectEachCompletedOnce(E2eSchema& schema, int jobs) {
    EXPECT_EQ(schema.Count("select count(*) from {schema}.job"), jobs);
    EXPECT_EQ(schema.Count("select count(*) from {schema}.attempt_outcome where final and outcome "
                           "= 'c'"),
              jobs);
    EXPECT_EQ(schema.Count("select count(distinct job_id) from {schema}.attempt_outcome where "
                           "final"),
              jobs);
    for (const std::string place : {"ready", "scheduled", "follower", "exhausted"}) {
      EXPECT_EQ(schema.Count("select count(*) from {schema}." + place), 0) << place;
    }
    // A claim that was taken back leaves rows that hold nothing, for a day at most.
    EXPECT_EQ(schema.Count("select count(*) from {schema}.claim where open_jobs > 0"), 0);
  }

  PrivateCluster cluster_;
  E2eSchema schema_{cluster_.url()};

 private:
  std::string RunsFile(const E2eSchema& schema) const {
    return folder_.path() + "/runs-" + schema.name();
  }

  TempFolder folder_;
};

}  // namespace millrace
