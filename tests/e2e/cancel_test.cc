// Jobs that an operator cancels or fails for good through another server than the one that holds
// them (contract C7).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/command_process.h"
#include "tests/e2e/e2e_schema.h"
#include "tests/e2e/schema_server.h"
#include "tests/e2e/server_process.h"
#include "tests/support/eventually.h"

namespace millrace {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class CancelTest : public testing::Test {
 protected:
  std::unique_ptr<ServerProcess> Start(std::vector<std::string> arguments) {
    return StartOn(schema_, std::move(arguments));
  }
  static CommandEnd Run(const ServerProcess& server, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--address", server.grpc_address()});
    return RunToEnd(MILLRACE_COMMAND, arguments);
  }
  std::string Add(const std::string& task) {
    return schema_.Query("select id from {schema}.add_job('" + task + "', '{}')");
  }
  static bool Runs(const ServerProcess& server) {
    return Eventually([&] {
      return Run(server, {"stats", "--output", "json"}).out.find("\"active\":1") !=
             std::string::npos;
    });
  }
  // How an attempt of the job has ended that was its last: its letter and the message.
  std::string EndOf(const std::string& job) {
    return schema_.Query(
        "select o.outcome::text || ' ' || coalesce(d.error_message, '') from "
        "{schema}.attempt_outcome o "
        "left join {schema}.attempt_detail d using (job_id, claim_id) where (o.final or o.outcome "
        "= "
        "'x') and o.job_id = " +
        job);
  }

  E2eSchema schema_;
};

TEST_F(CancelTest, AJobThatAnotherServerRunsIsToldOfItLongBeforeThatOnesHeartbeat) {
  const auto runs = Start({"--lease-ttl-ms=3600000", "--heartbeat-interval-ms=1200000"});
  const auto asked = Start({"--no-autostart"});
  const std::string job = Add("slow");
  ASSERT_TRUE(Runs(*runs)) << runs->output();
  const CommandEnd end = Run(*asked, {"jobs", "cancel", job, "--reason", "not wanted"});
  EXPECT_EQ(end.exit_code, 0) << end.err;
  ASSERT_TRUE(Eventually([&] { return !EndOf(job).empty(); })) << runs->output();
  EXPECT_EQ(EndOf(job), "k not wanted");
  EXPECT_THAT(Run(*runs, {"events", "--job", job, "--output", "json"}).out,
              AllOf(HasSubstr("job/cancelled"), HasSubstr("not wanted")));
  EXPECT_THAT(Run(*asked, {"jobs", "get", job}).out, HasSubstr("cancelled"));
}

TEST_F(CancelTest, TheMarkOutlivesTheServerThatHoldsTheJob) {
  const auto killed = Start({"--lease-ttl-ms=2000", "--heartbeat-interval-ms=300"});
  const std::string job = Add("ignoring");
  ASSERT_TRUE(Runs(*killed)) << killed->output();
  const auto other = Start({"--lease-ttl-ms=2000", "--heartbeat-interval-ms=300"});
  EXPECT_EQ(Run(*other, {"jobs", "cancel", job, "--reason", "not wanted"}).exit_code, 0);
  EXPECT_EQ(EndOf(job), "");
  killed->Signal(SIGKILL);
  ASSERT_TRUE(Eventually([&] { return !EndOf(job).empty(); })) << other->output();
  EXPECT_EQ(EndOf(job), "k not wanted");
  EXPECT_EQ(schema_.Count("select count(*) from {schema}.claim where open_jobs > 0"), 0);
  EXPECT_THAT(Run(*other, {"events", "--job", job}).out,
              AllOf(HasSubstr("job/rescued"), HasSubstr("job/cancelled")));
}

TEST_F(CancelTest, AJobThatAnotherServerRunsIsFailedForGood) {
  const auto runs = Start({"--lease-ttl-ms=3600000", "--heartbeat-interval-ms=1200000"});
  const auto asked = Start({"--no-autostart"});
  const std::string job = Add("slow");
  ASSERT_TRUE(Runs(*runs)) << runs->output();
  const CommandEnd end = Run(*asked, {"jobs", "fail", job, "--reason", "no use"});
  EXPECT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(Run(*asked, {"jobs", "wait", job}).exit_code, 7);
  EXPECT_EQ(EndOf(job), "x no use");
  EXPECT_THAT(Run(*runs, {"events", "--job", job, "--output", "json"}).out,
              AllOf(HasSubstr("job/exhausted"), HasSubstr("no use")));
  EXPECT_THAT(Run(*asked, {"jobs", "get", job}).out,
              AllOf(HasSubstr("exhausted"), HasSubstr("no use")));
  EXPECT_EQ(Run(*asked, {"jobs", "fail", job}).exit_code, 5);
}

TEST_F(CancelTest, TheMarkOfAFailureOutlivesTheServerThatHoldsTheJob) {
  const auto killed = Start({"--lease-ttl-ms=2000", "--heartbeat-interval-ms=300"});
  const std::string job = Add("ignoring");
  ASSERT_TRUE(Runs(*killed)) << killed->output();
  const auto other = Start({"--lease-ttl-ms=2000", "--heartbeat-interval-ms=300"});
  EXPECT_EQ(Run(*other, {"jobs", "fail", job, "--reason", "no use"}).exit_code, 0);
  EXPECT_THAT(Run(*other, {"jobs", "get", job}).out, HasSubstr("to be failed"));
  killed->Signal(SIGKILL);
  ASSERT_TRUE(Eventually([&] { return !EndOf(job).empty(); })) << other->output();
  EXPECT_EQ(EndOf(job), "x no use");
  EXPECT_THAT(Run(*other, {"events", "--job", job}).out,
              AllOf(HasSubstr("job/rescued"), HasSubstr("job/exhausted")));
}

}  // namespace
}  // namespace millrace
