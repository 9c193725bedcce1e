// A server that is killed while its handlers work in their transactions (contract A12): whenever
// one looks, what a handler wrote, the job that it added and the completion of its own are all
// there, or none of them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>

#include "tests/e2e/e2e_schema.h"
#include "tests/e2e/server_process.h"
#include "tests/support/eventually.h"

namespace millrace {
namespace {

constexpr int kKills = 20;
constexpr int kJobsOfARound = 200;
constexpr char kWritten[] = "select count(*) from {schema}.ledger";

class KilledHandlerTest : public testing::Test {
 protected:
  void StartServer() {
    server_ = std::make_unique<ServerProcess>(
        MILLRACE_E2E_SERVER,
        std::vector<std::string>{"--database-url=" + schema_.url(), "--schema=" + schema_.name(),
                                 "--lease-ttl-ms=1000", "--heartbeat-interval-ms=200",
                                 "--concurrency=8"},
        std::vector<std::string>{"E2E_LEDGER=" + schema_.name() + ".ledger"});
    ASSERT_TRUE(server_->WaitUntilReady()) << server_->output();
  }
  // In one look at the database: what is there of one of the three and not of the others.
  std::string Halves() {
    return schema_.Query(
        "with written as (select job from {schema}.ledger),"
        "completed as ("
        "  select o.job_id job from {schema}.attempt_outcome o join {schema}.job j on j.id = "
        "o.job_id"
        "  join {schema}.lane l on l.id = j.lane where l.task_identifier = 'book' and o.outcome = "
        "'c'),"
        "added as ("
        "  select j.correlation_id::bigint job from {schema}.job j where j.correlation_id is not "
        "null)"
        "select count(*) filter (where written.job is null or completed.job is null or added.job "
        "is null)"
        "  || ' of ' || (count(*) > 0)::text"
        " from written full join completed using (job) full join added using (job)");
  }

  E2eSchema schema_;
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(KilledHandlerTest, LeavesAllThatItDidOrNothing) {
  StartServer();
  schema_.Query("create table {schema}.ledger (job bigint not null)");
  for (int round = 0; round < kKills; ++round) {
    schema_.Query("select count(*) from generate_series(1, " + std::to_string(kJobsOfARound) +
                  "), {schema}.add_job('book')");
    const int before = schema_.Count(kWritten);
    // At another place each time.
    ASSERT_TRUE(Eventually([&] { return schema_.Count(kWritten) >= before + 1 + round * 5; }))
        << server_->output();
    server_->Signal(SIGKILL);
    EXPECT_EQ(server_->WaitForExit(), -SIGKILL);
    EXPECT_EQ(Halves(), "0 of true") << "after kill " << round;
    StartServer();
  }
  const int jobs = kKills * kJobsOfARound;
  EXPECT_TRUE(Eventually([&] { return schema_.Count(kWritten) >= jobs; }, absl::Minutes(5)))
      << server_->output();
  EXPECT_EQ(Halves(), "0 of true");
  EXPECT_EQ(schema_.Count("select count(distinct job) from {schema}.ledger"), jobs);
  EXPECT_EQ(schema_.Count(kWritten), jobs);
}

}  // namespace
}  // namespace millrace
