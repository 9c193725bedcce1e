// Two servers, but for gRPC, that ask each other through a real database whose replies are lost.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/clock.h"
#include "server/rpc/fleet.h"
#include "server/store/postgres/postgres_fleet_store.h"
#include "tests/rpc/fake_pool_control.h"
#include "tests/support/eventually.h"
#include "tests/support/test_schema.h"

namespace millrace {
namespace {

using testing::SizeIs;

// Takes requests, and loses the reply for so many times.
class ForgetfulFleetStore final : public FleetStore {
 public:
  ForgetfulFleetStore(FleetStore& store, int lost_takes) : store_(store), lost_(lost_takes) {}

  absl::Status Report(const PoolReport& report) override { return store_.Report(report); }
  absl::Status Leave(const std::string& worker_id) override { return store_.Leave(worker_id); }
  absl::StatusOr<std::vector<ListedPool>> ListPools() override { return store_.ListPools(); }
  absl::StatusOr<FleetAsked> Ask(const std::vector<std::string>& worker_ids,
                                 const FleetQuestion& question) override {
    return store_.Ask(worker_ids, question);
  }
  absl::StatusOr<std::vector<FleetRequest>> TakeRequests(
      const std::string& worker_id, const std::vector<int64_t>& in_hand) override {
    auto taken = store_.TakeRequests(worker_id, in_hand);
    if (taken.ok() && !taken->empty() && lost_ > 0) {
      --lost_;
      return absl::UnavailableError("the connection to the database was lost");
    }
    return taken;
  }
  absl::Status Answer(int64_t id, const absl::StatusOr<std::string>& reply) override {
    return store_.Answer(id, reply);
  }
  absl::StatusOr<std::vector<FleetAnswer>> ReadAnswers(const std::vector<int64_t>& ids) override {
    return store_.ReadAnswers(ids);
  }
  absl::StatusOr<std::map<int64_t, bool>> Withdraw(const std::vector<int64_t>& ids) override {
    return store_.Withdraw(ids);
  }
  absl::Status RemoveLeftovers() override { return store_.RemoveLeftovers(); }

 private:
  FleetStore& store_;
  // Used by the thread of the fleet.
  int lost_;
};

struct Server {
  Server(const std::string& worker_id, PostgresFleetStore& store, Clock& clock, int lost_takes = 0)
      : pool(worker_id),
        commands(pool, store, clock),
        forgetful(store, lost_takes),
        fleet(forgetful, commands, {.worker_id = worker_id, .pool_name = "pool-of-tests"}, clock,
              {.poll_interval = absl::Milliseconds(20),
               .answer_poll_interval = absl::Milliseconds(20)}) {
    EXPECT_EQ(fleet.Start(), absl::OkStatus());
  }

  FakePoolControl pool;
  PoolCommands commands;
  ForgetfulFleetStore forgetful;
  Fleet fleet;
};

class FleetOnPostgresTest : public testing::Test {
 protected:
  // Stops the pool of `server` through the first one, with a timeout after which the test fails.
  void StopThroughTheFirst(Server& server) {
    EXPECT_EQ(server.pool.Start(), absl::OkStatus());
    EXPECT_TRUE(Eventually([&] {
      return schema_.Query("select count(*) from {schema}.pool where worker_id = 'second'") == "1";
    }));
    absl::StatusOr<FleetQuestions::Asked> asked =
        first_.fleet.Ask("second", "Stop", v1::StopRequest().SerializeAsString(), absl::Minutes(1));
    ASSERT_TRUE(asked.ok()) << asked.status();
    const auto replies = first_.fleet.Await(*std::move(asked));
    ASSERT_THAT(replies, SizeIs(1));
    ASSERT_TRUE(replies[0].answer.ok()) << replies[0].answer.status();
    v1::StopResponse response;
    ASSERT_TRUE(response.ParseFromString(*replies[0].answer));
    EXPECT_EQ(response.finished(), 1);
    EXPECT_THAT(server.pool.stop_timeouts(), SizeIs(1));
  }

  TestSchema schema_;
  SystemClock clock_;
  PostgresFleetStore store_{schema_.database()};
  Server first_{"first", store_, clock_};
};

TEST_F(FleetOnPostgresTest, AStopIsCarriedOutOnceAlthoughItWasTakenByCallsWhoseRepliesWereLost) {
  Server second("second", store_, clock_, /*lost_takes=*/2);
  StopThroughTheFirst(second);
}

// The backend that writes the answer ends, twice.
TEST_F(FleetOnPostgresTest, AnAnswerIsWrittenAgainUntilTheDatabaseHasIt) {
  schema_.Query("create sequence {schema}.answers");
  schema_.Query(
      "create function {schema}.end_backend() returns trigger language plpgsql as "
      "$$ begin if nextval('{schema}.answers') <= 2 then perform "
      "pg_terminate_backend(pg_backend_pid()); end if; return new; end $$");
  schema_.Query(
      "create trigger end_backend before update on {schema}.fleet_request for each row when "
      "(new.code is not null) execute function {schema}.end_backend()");
  Server second("second", store_, clock_);
  StopThroughTheFirst(second);
  EXPECT_EQ(schema_.Query("select last_value from {schema}.answers"), "3");
}

}  // namespace
}  // namespace millrace
