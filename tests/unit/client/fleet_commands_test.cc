// Commands about pools other than the server's own, live changes, and what is saved.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/command_run.h"
#include "tests/unit/client/fake_server.h"

namespace millrace::cli {
namespace {

using client::FakeServer;
using testing::ElementsAre;
using testing::HasSubstr;

v1::PoolReply& AddReply(google::protobuf::RepeatedPtrField<v1::PoolReply>& replies,
                        const std::string& worker_id) {
  v1::PoolReply& reply = *replies.Add();
  reply.set_worker_id(worker_id);
  reply.set_pool_name("p");
  return reply;
}

void AddFault(google::protobuf::RepeatedPtrField<v1::PoolReply>& replies,
              const std::string& worker_id, grpc::StatusCode code, const std::string& message) {
  v1::PoolReply& reply = AddReply(replies, worker_id);
  reply.set_code(code);
  reply.set_message(message);
}

class FleetCommandsTest : public testing::Test {
 protected:
  CommandRun Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--address", server_.address()});
    return RunCommand(arguments);
  }

  // The second of two pools does not answer.
  void ServeStats() {
    server_.pool.on_stats = [](v1::StatsResponse* response) {
      v1::StatsResponse& stats = *AddReply(*response->mutable_pools(), "w-1").mutable_stats();
      stats.set_worker_id("w-1");
      stats.set_running(true);
      stats.set_concurrency(4);
      stats.set_active(3);
      AddFault(*response->mutable_pools(), "w-2", grpc::StatusCode::UNAVAILABLE,
               "its server sleeps");
      return grpc::Status::OK;
    };
    server_.Start();
  }

  FakeServer server_;
};

TEST_F(FleetCommandsTest, StatsOfAllNameThePoolThatDoesNotAnswer) {
  ServeStats();
  const CommandRun run = Run({"stats", "--all"});
  EXPECT_TRUE(server_.pool.selected.all());
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.out, HasSubstr("running"));
  EXPECT_THAT(run.out, HasSubstr("3/4"));
  EXPECT_THAT(run.out, HasSubstr("w-2        UNAVAILABLE"));
  EXPECT_EQ(run.err, "millrace: 1 of 2 pools failed: w-2: its server sleeps\n");
}

TEST_F(FleetCommandsTest, StatsOfAllForProgramsAreOneObjectForEachPool) {
  ServeStats();
  const CommandRun run = Run({"stats", "--all", "--output", "json"});
  EXPECT_THAT(run.out, HasSubstr("{\"worker_id\":\"w-1\",\"pool_name\":\"p\",\"code\":\"OK\","
                                 "\"message\":\"\",\"reply\":{\"worker_id\":\"w-1\""));
  EXPECT_THAT(run.out, HasSubstr("\"code\":\"UNAVAILABLE\",\"message\":\"its server sleeps\","
                                 "\"reply\":null}\n"));
}

TEST_F(FleetCommandsTest, StopOfAllShowsWhatBecameOfEach) {
  server_.pool.on_stop = [](const v1::StopRequest& request, v1::StopResponse* response) {
    EXPECT_EQ(request.timeout().seconds(), 30);
    AddReply(*response->mutable_pools(), "w-1").mutable_stop()->set_finished(3);
    AddReply(*response->mutable_pools(), "w-2").mutable_stop()->set_given_back(2);
    return grpc::Status::OK;
  };
  server_.Start();
  const CommandRun run = Run({"stop", "--all", "--save", "--timeout", "30s"});
  EXPECT_TRUE(server_.pool.selected.all());
  EXPECT_TRUE(server_.pool.saved);
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("w-1        stopped: 3 finished, 0 given back"));
  EXPECT_THAT(run.out, HasSubstr("w-2        stopped: 0 finished, 2 given back"));
}

TEST_F(FleetCommandsTest, StartAndForceStopTakeAllToo) {
  server_.pool.on_start = [](v1::StartResponse* response) {
    AddReply(*response->mutable_pools(), "w-1").mutable_start()->set_concurrency(4);
    AddFault(*response->mutable_pools(), "w-2", grpc::StatusCode::FAILED_PRECONDITION,
             "already running");
    return grpc::Status::OK;
  };
  server_.pool.on_force_stop = [](v1::ForceStopResponse* response) {
    AddReply(*response->mutable_pools(), "w-1").mutable_force_stop()->set_asked(1);
    return grpc::Status::OK;
  };
  server_.Start();
  const CommandRun started = Run({"start", "--all"});
  EXPECT_EQ(started.code, 5);
  EXPECT_THAT(started.out, HasSubstr("w-1        started: 4 workers"));
  EXPECT_THAT(started.out, HasSubstr("w-2        already running"));
  EXPECT_THAT(Run({"force-stop", "--all"}).out, HasSubstr("asked 1 running job to stop"));
}

TEST_F(FleetCommandsTest, AnotherPoolIsNamedByItsWorkerId) {
  server_.pool.on_stats = [](v1::StatsResponse*) {
    return grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "w-2: its server is slow");
  };
  server_.Start();
  const CommandRun run = Run({"stats", "--worker-id", "w-2"});
  EXPECT_EQ(server_.pool.selected.worker_id(), "w-2");
  EXPECT_EQ(run.code, 6);
  EXPECT_EQ(run.err, "millrace: w-2: its server is slow\n");
}

TEST_F(FleetCommandsTest, OnePoolOrAllNotBoth) {
  EXPECT_EQ(Run({"stop", "--all", "--worker-id", "w"}).code, 2);
  EXPECT_EQ(Run({"set", "--save", "--clear-saved"}).code, 2);
}

TEST_F(FleetCommandsTest, AServerThatDoesNotKnowTheOthersIsNotTakenForAll) {
  server_.pool.on_force_stop = [](v1::ForceStopResponse*) { return grpc::Status::OK; };
  server_.Start();
  EXPECT_EQ(Run({"force-stop", "--all"}).code, 1);
}

TEST_F(FleetCommandsTest, SetSendsOnlyWhatIsNamed) {
  server_.pool.on_update_pool = [](const v1::UpdatePoolRequest& request,
                                   v1::UpdatePoolResponse* response) {
    EXPECT_FALSE(request.has_concurrency());
    EXPECT_THAT(request.task_identifiers().names(), ElementsAre("a", "b"));
    EXPECT_TRUE(request.has_forbidden_flags());
    EXPECT_TRUE(request.forbidden_flags().names().empty());
    EXPECT_TRUE(request.save());
    EXPECT_FALSE(request.has_pool());
    response->set_worker_id("w-1");
    response->set_concurrency(4);
    *response->mutable_task_identifiers() = request.task_identifiers().names();
    return grpc::Status::OK;
  };
  server_.Start();
  const std::vector<std::string> arguments = {"set", "--tasks", "a, b", "--forbidden-flags",
                                              "",    "--save"};
  EXPECT_EQ(Run(arguments).out, "now: 4 workers; tasks: a,b; forbidden flags: none\n");
  std::vector<std::string> for_programs = arguments;
  for_programs.insert(for_programs.end(), {"--output", "json"});
  EXPECT_EQ(Run(for_programs).out,
            "{\"worker_id\":\"w-1\",\"concurrency\":4,\"task_identifiers\":[\"a\",\"b\"],"
            "\"forbidden_flags\":[]}\n");
}

TEST_F(FleetCommandsTest, PoolsAreListed) {
  server_.pool.on_list_pools = [](v1::ListPoolsResponse* response) {
    v1::ListedPool& pool = *response->add_pools();
    pool.set_worker_id("w-1");
    pool.set_pool_name("p");
    pool.set_host("h");
    pool.set_pid(17);
    pool.set_version("1.0");
    pool.mutable_started_at()->set_seconds(1'720'000'000 - 120);
    pool.set_state(v1::POOL_STATE_RUNNING);
    pool.set_concurrency(4);
    pool.set_active(3);
    pool.mutable_seen_ago()->set_seconds(1);
    pool.mutable_lease()->mutable_ttl()->set_seconds(15);
    pool.mutable_lease()->mutable_renewed_ago()->set_seconds(2);
    pool.mutable_lease()->mutable_expires_in()->set_seconds(13);
    v1::ListedPool& lost = *response->add_pools();
    lost.set_worker_id("w-2");
    lost.set_state(v1::POOL_STATE_LOST);
    return grpc::Status::OK;
  };
  server_.Start();
  const CommandRun run = Run({"pools", "list"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("running     3/4"));
  EXPECT_THAT(run.out, HasSubstr(" left"));
  EXPECT_THAT(run.out, HasSubstr("lost"));
  EXPECT_THAT(run.out, HasSubstr("ended"));
  EXPECT_THAT(Run({"pools", "list", "--output", "json"}).out,
              HasSubstr("\"state\":\"running\",\"concurrency\":4,\"active\":3,\"buffered\":0,"
                        "\"seen_ago\":1,\"lease\":{\"ttl\":15,\"renewed_ago\":2,"
                        "\"expires_in\":13}}\n"));
}

}  // namespace
}  // namespace millrace::cli
