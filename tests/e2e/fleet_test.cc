// Several servers on one database, operated through any of them; and what is saved of a pool.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <future>
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
using testing::Not;

class FleetTest : public testing::Test {
 protected:
  std::unique_ptr<ServerProcess> StartServer(const std::string& pool_name,
                                             std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--pool-name=" + pool_name, "--concurrency=4"});
    return StartOn(schema_, std::move(more));
  }

  static CommandEnd Run(const ServerProcess& server, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--address", server.grpc_address()});
    return RunToEnd(MILLRACE_COMMAND, arguments);
  }

  static std::string Stats(const ServerProcess& server) {
    return Run(server, {"stats", "--output", "json"}).out;
  }

  // Whether `pools list` has so many pools.
  static bool Lists(const ServerProcess& server, int count) {
    return Eventually([&] {
      const std::string pools = Run(server, {"pools", "list", "--output", "json"}).out;
      return std::count(pools.begin(), pools.end(), '\n') == count;
    });
  }

  // Lets a job run at `server` that ends only when it is asked to; `other` takes none any more.
  void OccupyOnly(const ServerProcess& server, const ServerProcess& other) {
    ASSERT_TRUE(Lists(other, 2));
    ASSERT_EQ(Run(other, {"stop"}).exit_code, 0);
    ASSERT_EQ(Run(other, {"jobs", "add", "slow"}).exit_code, 0);
    ASSERT_TRUE(
        Eventually([&] { return Stats(server).find("\"active\":1") != std::string::npos; }));
  }
  static bool Stops(const ServerProcess& server) {
    return Eventually([&] { return Stats(server).find("\"running\":false") != std::string::npos; });
  }

  static void Stop(ServerProcess& server) {
    server.Signal(SIGTERM);
    EXPECT_EQ(server.WaitForExit(), 0) << server.output();
  }

  E2eSchema schema_;
};

TEST_F(FleetTest, AllPoolsAreStoppedAndStartedThroughAnyServer) {
  const auto first = StartServer("first");
  const auto second = StartServer("second");
  const auto third = StartServer("third");
  ASSERT_TRUE(Lists(*second, 3));
  const CommandEnd stopped = Run(*second, {"stop", "--all"});
  EXPECT_EQ(stopped.exit_code, 0) << stopped.out << stopped.err;
  for (const auto* server : {&first, &second, &third}) {
    EXPECT_THAT(stopped.out, HasSubstr((*server)->worker_id()));
    EXPECT_THAT(Stats(**server), HasSubstr("\"running\":false"));
  }
  const CommandEnd started = Run(*third, {"start", "--all"});
  EXPECT_EQ(started.exit_code, 0) << started.out << started.err;
  for (const auto* server : {&first, &second, &third}) {
    EXPECT_THAT(Stats(**server), HasSubstr("\"running\":true"));
  }
  // One of them, through another.
  EXPECT_EQ(Run(*first, {"stop", "--worker-id", third->worker_id()}).exit_code, 0);
  EXPECT_THAT(Stats(*third), HasSubstr("\"running\":false"));
  EXPECT_THAT(Stats(*second), HasSubstr("\"running\":true"));
  EXPECT_EQ(Run(*first, {"stop", "--worker-id", third->worker_id()}).exit_code, 5);
  EXPECT_EQ(Run(*first, {"stop", "--worker-id", "nobody"}).exit_code, 4);
  EXPECT_EQ(schema_.Count("select count(*) from {schema}.fleet_request"), 0);
}

TEST_F(FleetTest, AServerThatIsFrozenIsNamedAndDoesLaterNothingOfWhatWasAsked) {
  // A lease long enough that the frozen one is not lost meanwhile.
  const auto first = StartServer("first", {"--lease-ttl-ms=120000"});
  const auto second = StartServer("second", {"--lease-ttl-ms=120000"});
  ASSERT_TRUE(Lists(*first, 2));
  second->Signal(SIGSTOP);
  const CommandEnd stats = Run(*first, {"stats", "--all", "--output", "json"});
  EXPECT_EQ(stats.exit_code, 3) << stats.out << stats.err;
  EXPECT_THAT(stats.out, HasSubstr("{\"worker_id\":\"" + first->worker_id() +
                                   "\",\"pool_name\":\"first\",\"code\":\"OK\""));
  EXPECT_THAT(stats.out, HasSubstr("{\"worker_id\":\"" + second->worker_id() +
                                   "\",\"pool_name\":\"second\",\"code\":\"UNAVAILABLE\""));
  EXPECT_THAT(stats.err, HasSubstr(second->worker_id()));
  EXPECT_EQ(Run(*first, {"stop", "--worker-id", second->worker_id()}).exit_code, 3);
  second->Signal(SIGCONT);
  // It answers again, and has not stopped.
  ASSERT_TRUE(Eventually(
      [&] { return Run(*first, {"stats", "--worker-id", second->worker_id()}).exit_code == 0; }));
  EXPECT_THAT(Stats(*second), HasSubstr("\"running\":true"));
}

TEST_F(FleetTest, AStopForWhichTheCommandWaitsNoLongerGoesOn) {
  const auto first = StartServer("first");
  const auto second = StartServer("second");
  OccupyOnly(*second, *first);
  const CommandEnd named = Run(
      *first, {"--timeout", "1s", "stop", "--worker-id", second->worker_id(), "--timeout", "2s"});
  EXPECT_EQ(named.exit_code, 6) << named.out;
  EXPECT_THAT(named.err, HasSubstr("it may still carry it out"));
  EXPECT_TRUE(Stops(*second));
  ASSERT_EQ(Run(*second, {"start"}).exit_code, 0);
  ASSERT_TRUE(Eventually([&] { return Stats(*second).find("\"active\":1") != std::string::npos; }));
  const CommandEnd own = Run(*second, {"--timeout", "1s", "stop", "--timeout", "2s"});
  EXPECT_EQ(own.exit_code, 6) << own.out;
  EXPECT_THAT(own.err, HasSubstr("the stop goes on at the server"));
  EXPECT_TRUE(Stops(*second));
}

TEST_F(FleetTest, AStopIsAnsweredAlthoughConnectionsAreLostAgainAndAgain) {
  const auto first = StartServer("first");
  const auto second = StartServer("second");
  OccupyOnly(*second, *first);
  auto stopped = std::async(std::launch::async, [&] {
    return Run(*first, {"stop", "--worker-id", second->worker_id(), "--timeout", "2s"});
  });
  ASSERT_TRUE(Eventually([&] {
    return schema_.Count("select count(*) from {schema}.fleet_request where taken") == 1;
  }));
  while (stopped.wait_for(std::chrono::milliseconds(200)) != std::future_status::ready) {
    schema_.Query(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() "
        "and query like '%{schema}.%'");
  }
  const CommandEnd end = stopped.get();
  EXPECT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("1 interrupted"));
  EXPECT_THAT(Stats(*second), HasSubstr("\"running\":false"));
}

TEST_F(FleetTest, AServerThatWasKilledIsListedAsLostAndOneThatEndedIsNot) {
  const std::vector<std::string> quick = {"--lease-ttl-ms=2000", "--heartbeat-interval-ms=300"};
  const auto first = StartServer("first", quick);
  const auto second = StartServer("second", quick);
  const auto third = StartServer("third", quick);
  ASSERT_TRUE(Lists(*first, 3));
  second->Signal(SIGKILL);
  EXPECT_EQ(second->WaitForExit(), -SIGKILL);
  Stop(*third);
  EXPECT_TRUE(Eventually([&] {
    const std::string pools = Run(*first, {"pools", "list", "--output", "json"}).out;
    return pools.find("\"state\":\"lost\"") != std::string::npos;
  }));
  const std::string pools = Run(*first, {"pools", "list"}).out;
  EXPECT_THAT(pools, AllOf(HasSubstr(first->worker_id()), HasSubstr(second->worker_id()),
                           Not(HasSubstr(third->worker_id()))));
}

TEST_F(FleetTest, WhatIsSavedHoldsAfterARestartOfTheServerWithThatPoolName) {
  auto server = StartServer("kept");
  ASSERT_EQ(
      Run(*server, {"set", "--concurrency", "7", "--forbidden-flags", "heavy", "--save"}).exit_code,
      0);
  ASSERT_EQ(Run(*server, {"stop", "--save"}).exit_code, 0);
  Stop(*server);

  server = StartServer("kept");
  EXPECT_THAT(server->output(), HasSubstr("what is saved for the pool kept holds"));
  EXPECT_THAT(Stats(*server), AllOf(HasSubstr("\"running\":false"), HasSubstr("\"concurrency\":7"),
                                    HasSubstr("\"forbidden_flags\":[\"heavy\"]")));
  const auto other = StartServer("other");
  EXPECT_THAT(Stats(*other), AllOf(HasSubstr("\"running\":true"), HasSubstr("\"concurrency\":4")));
  ASSERT_EQ(Run(*server, {"start", "--save"}).exit_code, 0);
  Stop(*server);

  server = StartServer("kept", {"--ignore-saved"});
  EXPECT_THAT(Stats(*server), HasSubstr("\"concurrency\":4"));
  Stop(*server);

  server = StartServer("kept", {"--no-autostart"});
  EXPECT_THAT(Stats(*server), AllOf(HasSubstr("\"running\":true"), HasSubstr("\"concurrency\":7")));
  ASSERT_EQ(Run(*server, {"set", "--clear-saved"}).exit_code, 0);
  Stop(*server);

  server = StartServer("kept");
  EXPECT_THAT(Stats(*server), AllOf(HasSubstr("\"running\":true"), HasSubstr("\"concurrency\":4")));
}

TEST_F(FleetTest, AServerThatLacksASavedTaskSaysHowToGoOn) {
  auto server = StartServer("kept");
  Stop(*server);
  schema_.Query(
      "insert into {schema}.saved_pool (pool_name, task_identifiers) values ('kept', '{gone}')");
  ServerProcess refused(MILLRACE_E2E_SERVER, {"--database-url=" + schema_.url(),
                                              "--schema=" + schema_.name(), "--pool-name=kept"});
  EXPECT_NE(refused.WaitForExit(), 0);
  EXPECT_THAT(refused.output(), AllOf(HasSubstr("no handler is registered for \"gone\""),
                                      HasSubstr("--ignore-saved")));
}

}  // namespace
}  // namespace millrace
