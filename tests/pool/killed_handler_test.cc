// A process that is killed while its handlers work in their transactions (contract A12): whenever
// one looks, what a handler wrote, the job that it added and the completion of its own are all
// there, or none of them.

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/eventually.h"
#include "tests/support/test_schema.h"

namespace millrace {
namespace {

constexpr int kKills = 20;
constexpr int kJobsOfARound = 60;

class KilledHandlerTest : public testing::Test {
 protected:
  KilledHandlerTest() { schema_.Query("create table {schema}.ledger (job bigint not null)"); }
  ~KilledHandlerTest() override {
    if (process_ != 0) Kill();
  }

  void Start() {
    const std::string url = TestDatabaseUrl(), schema = schema_.name();
    const pid_t parent = getpid();
    process_ = fork();
    if (process_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent) {
      execl(MILLRACE_BOOKING_PROCESS, MILLRACE_BOOKING_PROCESS, url.c_str(), schema.c_str(),
            static_cast<char*>(nullptr));
    }
    _exit(127);
  }
  void Kill() {
    kill(process_, SIGKILL);
    int status = 0;
    waitpid(process_, &status, 0);
    process_ = 0;
    EXPECT_TRUE(WIFSIGNALED(status)) << "it had ended before";
  }
  int CountWritten() { return std::stoi(schema_.Query("select count(*) from {schema}.ledger")); }

  // In one look at the database: what is there of one of the three and not of the others.
  std::string CountHalves() {
    return schema_.Query(
        "with written as (select job from {schema}.ledger),"
        "completed as (select job_id job from {schema}.attempt_outcome where outcome = 'c'),"
        "added as (select correlation_id::bigint job from {schema}.job where correlation_id <> '')"
        "select count(*) from written full join completed using (job) full join added using (job)"
        " where written.job is null or completed.job is null or added.job is null");
  }

  TestSchema schema_;
  pid_t process_ = 0;
};

TEST_F(KilledHandlerTest, LeavesAllThatItDidOrNothing) {
  for (int round = 0; round < kKills; ++round) {
    schema_.Query("select count(*) from generate_series(1, " + std::to_string(kJobsOfARound) +
                  ") n, {schema}.add_job('book', jsonb_build_object('n', n))");
    const int before = CountWritten();
    Start();
    // At another place each time.
    ASSERT_TRUE(Eventually([&] { return CountWritten() > before + round; }));
    Kill();
    EXPECT_EQ(CountHalves(), "0") << "after kill " << round;
  }
  constexpr int kJobs = kKills * kJobsOfARound;
  Start();
  EXPECT_TRUE(Eventually([&] { return CountWritten() >= kJobs; }, absl::Minutes(4)));
  EXPECT_EQ(CountHalves(), "0");
  EXPECT_EQ(schema_.Query("select count(distinct job) from {schema}.ledger"),
            std::to_string(kJobs));
  EXPECT_EQ(CountWritten(), kJobs);
}

}  // namespace
}  // namespace millrace
