// Servers that die, freeze, or cannot keep their lease (contract E1, E2).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <memory>

#include "client/library/event_subscription.h"
#include "client/library/worker_pool_client.h"
#include "tests/e2e/e2e_schema.h"
#include "tests/e2e/runs_file.h"
#include "tests/e2e/schema_server.h"
#include "tests/e2e/server_process.h"
#include "tests/support/eventually.h"
#include "tests/unit/app/temp_folder.h"

namespace millrace {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::Pair;
using testing::SizeIs;

constexpr char kEnded[] = "select count(*) from {schema}.attempt_outcome where final";
constexpr char kHeld[] = "select coalesce(sum(open_jobs), 0) from {schema}.claim";

// Short, but not so short that a busy machine loses it.
constexpr absl::Duration kLease = absl::Seconds(2);

class LeaseTest : public testing::Test {
 protected:
  // The jobs that its handlers begin are in RunsOf(name).
  std::unique_ptr<ServerProcess> StartServer(const std::string& name, int concurrency,
                                             std::vector<std::string> more = {}) {
    more.insert(more.begin(),
                {"--concurrency=" + std::to_string(concurrency),
                 "--lease-ttl-ms=" + std::to_string(absl::ToInt64Milliseconds(kLease)),
                 "--heartbeat-interval-ms=300"});
    return StartOn(schema_, std::move(more),
                   {"E2E_RUNS_FILE=" + RunsFile(name), "E2E_GATE_FILE=" + GateFile()});
  }
  std::map<std::string, int> RunsOf(const std::string& name) const {
    return ReadRuns(RunsFile(name));
  }
  bool WaitForRuns(const std::string& name, size_t jobs) const {
    return Eventually([&] { return RunsOf(name).size() >= jobs; });
  }
  // From now on gated jobs complete.
  void OpenGate() const { std::ofstream(GateFile()) << "open"; }

  void AddJobs(const std::string& task, int count, int priority = 0) {
    schema_.Query("select count(*) from generate_series(1, " + std::to_string(count) +
                  ") n, {schema}.add_job('" + task + "', jsonb_build_object('n', n), priority => " +
                  std::to_string(priority) + ")");
  }
  bool AllEnd(int count) {
    return Eventually([&] { return schema_.Count(kEnded) == count; }, absl::Minutes(3));
  }
  // Makes each claim take as long as many jobs, so that a pool claims far ahead.
  void SlowDownClaims() {
    schema_.Query(
        "create function {schema}.slow_down() returns trigger language plpgsql as "
        "$$ begin perform pg_sleep(0.2); return null; end $$; "
        "create trigger slow_down after insert on {schema}.claim "
        "for each statement execute function {schema}.slow_down()");
  }
  // Attempts that ended so, such as 'l' for lost.
  int CountOutcomes(const std::string& letter) {
    return schema_.Count("select count(*) from {schema}.attempt_outcome where outcome = '" +
                         letter + "'");
  }

  E2eSchema schema_;

 private:
  std::string RunsFile(const std::string& name) const { return folder_.path() + "/runs-" + name; }
  std::string GateFile() const { return folder_.path() + "/gate"; }

  TempFolder folder_;
};

TEST_F(LeaseTest, WhatAKilledServerRanAndHadBufferedRunsElsewhereWithinTheLeaseAndFiveSeconds) {
  constexpr int kRunning = 50, kBuffered = 50, kQuick = 3000;
  const auto killed = StartServer("killed", kRunning, {"--queue-size=100"});
  SlowDownClaims();
  AddJobs("noop", kQuick);
  ASSERT_TRUE(Eventually([&] { return schema_.Count(kEnded) > kQuick / 3; })) << killed->output();
  AddJobs("gated", kRunning + kBuffered, /*priority=*/-1);
  ASSERT_TRUE(WaitForRuns("killed", kRunning)) << killed->output();
  schema_.Query("drop trigger slow_down on {schema}.claim");
  const auto other = StartServer("other", kRunning + kBuffered + 10);
  ASSERT_EQ(schema_.Count("select count(*) from {schema}.ready r join {schema}.lane l "
                          "on l.id = r.lane where l.task_identifier = 'gated'"),
            0);
  EXPECT_GE(schema_.Count(kHeld), kRunning + kBuffered);
  EXPECT_THAT(RunsOf("other"), SizeIs(0));
  killed->Signal(SIGKILL);
  const absl::Time killed_at = absl::Now();
  ASSERT_TRUE(WaitForRuns("other", kRunning + kBuffered)) << other->output();
  EXPECT_LE(absl::Now() - killed_at, kLease + absl::Seconds(5));
  OpenGate();
  ASSERT_TRUE(AllEnd(kQuick + kRunning + kBuffered)) << other->output();
  EXPECT_THAT(RunsOf("other"), Each(Pair(testing::_, 1)));
  EXPECT_EQ(schema_.Count("select count(*) from {schema}.claim"), 0);
  EXPECT_EQ(schema_.Count("select count(distinct job_id) from {schema}.attempt_outcome where "
                          "final and outcome = 'c'"),
            kQuick + kRunning + kBuffered);
}

TEST_F(LeaseTest, AServerWhosePoolIsStoppedFreesWhatAKilledOneHeldToo) {
  const auto killed = StartServer("killed", 4);
  AddJobs("gated", 4);
  ASSERT_TRUE(WaitForRuns("killed", 4)) << killed->output();
  const auto other = StartServer("other", 4, {"--no-autostart"});
  killed->Signal(SIGKILL);
  const absl::Time killed_at = absl::Now();
  ASSERT_TRUE(Eventually([&] { return schema_.Count(kHeld) == 0; })) << other->output();
  EXPECT_LE(absl::Now() - killed_at, kLease + absl::Seconds(5));
  EXPECT_EQ(CountOutcomes("l"), 4);
}

// A server that stands still for longer than its lease, and goes on when another one runs its jobs.
class FrozenServerTest : public LeaseTest {
 protected:
  static constexpr int kJobs = 4;

  void FreezeUntilItsJobsRunElsewhere(const std::vector<std::string>& more = {},
                                      const std::string& task = "gated") {
    frozen_ = StartServer("frozen", kJobs, more);
    AddJobs(task, kJobs);
    if (task == "gated") {
      ASSERT_TRUE(WaitForRuns("frozen", kJobs)) << frozen_->output();
    } else {
      ASSERT_TRUE(Eventually([&] { return schema_.Count(kHeld) == kJobs; }));
    }
    other_ = StartServer("other", kJobs);
    frozen_->Signal(SIGSTOP);
    ASSERT_TRUE(Eventually([&] { return CountOutcomes("l") == kJobs; })) << other_->output();
    ASSERT_TRUE(Eventually([&] { return schema_.Count(kHeld) == kJobs; })) << other_->output();
    frozen_->Signal(SIGCONT);
  }

  // Waits for so many events of the type in the feed of the server.
  void ExpectEvents(const ServerProcess& server, const std::string& type, int count) {
    const auto connection = *client::Connection::Create(
        {.address = server.grpc_address(), .deadline = absl::Minutes(1)});
    SystemClock clock;
    client::EventSubscription feed(
        *connection, clock,
        {.types = {type}, .after = {.incarnation = server.worker_id(), .sequence = 0}}, {});
    int found = 0;
    while (found < count) {
      const auto message = feed.Next(absl::Minutes(1));
      ASSERT_TRUE(message.ok()) << message.status() << server.output();
      const auto* events = std::get_if<std::vector<client::FeedEvent>>(&message->content);
      if (events != nullptr) found += static_cast<int>(events->size());
    }
    EXPECT_EQ(found, count);
  }

  std::unique_ptr<ServerProcess> frozen_;
  std::unique_ptr<ServerProcess> other_;
};

TEST_F(FrozenServerTest, ItsLateOutcomesAreRefusedItsHandlersEndAndItWorksUnderANewClaim) {
  ASSERT_NO_FATAL_FAILURE(FreezeUntilItsJobsRunElsewhere());
  ASSERT_NO_FATAL_FAILURE(ExpectEvents(*frozen_, "job/stale-outcome", kJobs));
  // The other one is busy.
  AddJobs("gated", 1);
  ASSERT_TRUE(WaitForRuns("frozen", kJobs + 1)) << frozen_->output();
  EXPECT_EQ(schema_.Count("select count(*) from {schema}.worker where worker_id = '" +
                          frozen_->worker_id() + "'"),
            2);
  EXPECT_EQ(schema_.Query("select w.worker_id from {schema}.claim c join {schema}.worker w on "
                          "w.id = c.worker and w.ended_at is null order by c.claimed_at desc"),
            frozen_->worker_id());
  const auto connection = *client::Connection::Create({.address = frozen_->grpc_address()});
  EXPECT_EQ(client::WorkerPoolClient(*connection).Stats()->active, 1);
  OpenGate();
  ASSERT_TRUE(AllEnd(kJobs + 1)) << frozen_->output() << other_->output();
  EXPECT_EQ(CountOutcomes("c"), kJobs + 1);
  EXPECT_EQ(CountOutcomes("l"), kJobs);
  EXPECT_EQ(schema_.Count("select count(*) from {schema}.attempt_outcome"), 2 * kJobs + 1);
  EXPECT_EQ(schema_.Count("select count(*) from {schema}.attempt_outcome where final and "
                          "attempt = 2"),
            kJobs);
}

TEST_F(FrozenServerTest, ItLeavesWithACodeOfItsOwnIfItWasToldSoAndHandlersRun) {
  ASSERT_NO_FATAL_FAILURE(FreezeUntilItsJobsRunElsewhere({"--on-lost-lease=exit"}, "ignoring"));
  EXPECT_EQ(frozen_->WaitForExit(), 5) << frozen_->output();
  EXPECT_THAT(frozen_->output(), AllOf(HasSubstr("leaving: the lease has ended and 4 handlers"),
                                       HasSubstr("ignoring of job")));
}

TEST_F(FrozenServerTest, ItsHandlersGoOnIfItWasToldSoAndTheirOutcomesAreRefused) {
  ASSERT_NO_FATAL_FAILURE(FreezeUntilItsJobsRunElsewhere({"--on-lost-lease=continue"}));
  // It has a lease again, and so knows that it had lost the other one.
  ASSERT_TRUE(Eventually([&] {
    return schema_.Count("select count(*) from {schema}.worker where worker_id = '" +
                         frozen_->worker_id() + "'") == 2;
  })) << frozen_->output();
  const auto connection = *client::Connection::Create({.address = frozen_->grpc_address()});
  client::WorkerPoolClient pool(*connection);
  EXPECT_EQ(pool.Stats()->active, kJobs);
  OpenGate();
  ASSERT_NO_FATAL_FAILURE(ExpectEvents(*frozen_, "job/stale-outcome", kJobs));
  ASSERT_TRUE(AllEnd(kJobs)) << frozen_->output() << other_->output();
  EXPECT_EQ(pool.Stats()->interrupted, 0);
  EXPECT_EQ(CountOutcomes("c"), kJobs);
  EXPECT_EQ(CountOutcomes("l"), kJobs);
  EXPECT_EQ(schema_.Count("select count(*) from {schema}.attempt_outcome"), 2 * kJobs);
}

}  // namespace
}  // namespace millrace
