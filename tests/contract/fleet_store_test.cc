#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/postgres/postgres_fleet_store.h"
#include "tests/contract/pool_store_fixture.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::Pair;
using ::testing::SizeIs;

PoolReport Said(const std::string& worker_id) {
  return {.worker_id = worker_id,
          .pool_name = "pool",
          .host = "host",
          .pid = 17,
          .version = "1.2",
          .patience = absl::Seconds(15),
          .state = PoolState::kRunning,
          .concurrency = 4,
          .active = 3,
          .buffered = 2};
}

// The registry of pools, beside the one worker "worker-1" that the fixture has registered.
class FleetStoreTest : public PoolStoreFixture {
 protected:
  void Report(const PoolReport& report) { ASSERT_EQ(fleet_.Report(report), absl::OkStatus()); }
  std::vector<ListedPool> List() {
    absl::StatusOr<std::vector<ListedPool>> pools = fleet_.ListPools();
    EXPECT_TRUE(pools.ok()) << pools.status();
    return pools.ok() ? *std::move(pools) : std::vector<ListedPool>();
  }
  int64_t Ask(const std::string& worker_id, absl::Duration take_within = absl::Seconds(5)) {
    const auto asked = fleet_.Ask({worker_id}, {.asked_by = "asker",
                                                .method = "Stop",
                                                .payload = std::string("\0\xff", 2),
                                                .take_within = take_within,
                                                .keep_for = absl::Minutes(1)});
    EXPECT_TRUE(asked.ok()) << asked.status();
    if (!asked.ok()) return 0;
    EXPECT_FALSE(asked->in_doubt);
    return asked->requests.begin()->first;
  }
  std::vector<FleetRequest> Take(const std::string& worker_id,
                                 const std::vector<int64_t>& in_hand = {}) {
    absl::StatusOr<std::vector<FleetRequest>> requests = fleet_.TakeRequests(worker_id, in_hand);
    EXPECT_TRUE(requests.ok()) << requests.status();
    return requests.ok() ? *std::move(requests) : std::vector<FleetRequest>();
  }
  FleetAnswer Read(int64_t id) {
    const auto answers = fleet_.ReadAnswers({id});
    EXPECT_TRUE(answers.ok()) << answers.status();
    return answers.ok() && !answers->empty() ? answers->at(0) : FleetAnswer();
  }
  std::string CountRequests() {
    return schema_.Query("select count(*) from {schema}.fleet_request");
  }

  PostgresFleetStore fleet_{schema_.database()};
};

TEST_F(FleetStoreTest, AReportingPoolIsListedWithItsLease) {
  Report(Said("worker-1"));
  const std::vector<ListedPool> pools = List();
  ASSERT_THAT(pools, SizeIs(1));
  EXPECT_EQ(pools[0].report.worker_id, "worker-1");
  EXPECT_EQ(pools[0].report.pool_name, "pool");
  EXPECT_EQ(pools[0].report.host, "host");
  EXPECT_EQ(pools[0].report.pid, 17);
  EXPECT_EQ(pools[0].report.version, "1.2");
  EXPECT_EQ(pools[0].report.state, PoolState::kRunning);
  EXPECT_EQ(pools[0].report.concurrency, 4);
  EXPECT_EQ(pools[0].report.active, 3);
  EXPECT_EQ(pools[0].report.buffered, 2);
  EXPECT_LT(*pools[0].seen_ago, absl::Minutes(1));
  ASSERT_TRUE(pools[0].lease.has_value());
  EXPECT_EQ(pools[0].lease->ttl, absl::Seconds(15));
  EXPECT_LT(*pools[0].lease->renewed_ago, absl::Minutes(1));
  EXPECT_FALSE(pools[0].lease->ended);
}

TEST_F(FleetStoreTest, ALaterReportTakesThePlaceOfTheFirst) {
  Report(Said("worker-1"));
  PoolReport later = Said("worker-1");
  later.state = PoolState::kStopping;
  later.active = 1;
  Report(later);
  ASSERT_THAT(List(), SizeIs(1));
  EXPECT_EQ(List()[0].report.state, PoolState::kStopping);
  EXPECT_EQ(List()[0].report.active, 1);
}

TEST_F(FleetStoreTest, AHeartbeatRenewsTheLeaseThatIsShown) {
  Report(Said("worker-1"));
  schema_.Query("update {schema}.worker set renewed_at = now() - interval '10 s'");
  EXPECT_GE(*List()[0].lease->renewed_ago, absl::Seconds(10));
  ASSERT_TRUE(store_.Heartbeat(worker_).ok());
  EXPECT_LT(*List()[0].lease->renewed_ago, absl::Seconds(10));
}

TEST_F(FleetStoreTest, APoolThatNeverRanHasNoLeaseAndOneThatStoppedHasOneThatEnded) {
  Report(Said("never"));
  Report(Said("worker-1"));
  ASSERT_TRUE(store_.EndWorker(worker_).ok());
  const std::vector<ListedPool> pools = List();
  ASSERT_THAT(pools, SizeIs(2));
  EXPECT_FALSE(pools[0].lease.has_value());
  EXPECT_TRUE(pools[1].lease->ended);
}

TEST_F(FleetStoreTest, APoolOfAnOlderServerIsListedAsFarAsItIsKnown) {
  const std::vector<ListedPool> pools = List();
  ASSERT_THAT(pools, SizeIs(1));
  EXPECT_EQ(pools[0].report.worker_id, "worker-1");
  EXPECT_EQ(pools[0].report.state, PoolState::kUnknown);
  EXPECT_FALSE(pools[0].seen_ago.has_value());
  EXPECT_EQ(pools[0].lease->renewed_ago, std::nullopt);
}

TEST_F(FleetStoreTest, ASilentServerIsLostAndGoesSomeMinutesLater) {
  Report(Said("worker-1"));
  Report(Said("silent"));
  schema_.Query(
      "update {schema}.pool set seen_at = now() - interval '16 s' where worker_id = 'silent'");
  ASSERT_TRUE(fleet_.RemoveLeftovers().ok());
  ASSERT_THAT(List(), SizeIs(2));
  EXPECT_EQ(List()[1].report.worker_id, "silent");
  EXPECT_EQ(List()[1].report.state, PoolState::kLost);
  schema_.Query(
      "update {schema}.pool set seen_at = now() - interval '11 minutes' where worker_id = "
      "'silent'");
  ASSERT_TRUE(fleet_.RemoveLeftovers().ok());
  ASSERT_THAT(List(), SizeIs(1));
  EXPECT_EQ(List()[0].report.worker_id, "worker-1");
}

TEST_F(FleetStoreTest, AServerThatLeavesIsListedNoMore) {
  Report(Said("other"));
  ASSERT_TRUE(fleet_.Leave("other").ok());
  EXPECT_THAT(List(), SizeIs(1));
}

TEST_F(FleetStoreTest, ARequestIsTakenByWhomItIsFor) {
  const int64_t id = Ask("b");
  EXPECT_THAT(Take("a"), IsEmpty());
  const std::vector<FleetRequest> requests = Take("b");
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].id, id);
  EXPECT_EQ(requests[0].asked_by, "asker");
  EXPECT_EQ(requests[0].method, "Stop");
  EXPECT_EQ(requests[0].payload, std::string("\0\xff", 2));
}

TEST_F(FleetStoreTest, WhatWasTakenComesAgainUntilItIsInHandOrAnswered) {
  const int64_t lost = Ask("b");
  const int64_t in_hand = Ask("b");
  // The reply is lost.
  EXPECT_THAT(Take("b"), SizeIs(2));
  // Also when nobody would take it for the first time any more.
  schema_.Query("update {schema}.fleet_request set expires_at = now() - interval '1 s'");
  const std::vector<FleetRequest> again = Take("b", {in_hand});
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].id, lost);
  EXPECT_EQ(again[0].method, "Stop");
  EXPECT_THAT(Take("b", {lost, in_hand}), IsEmpty());
  EXPECT_THAT(Take("a"), IsEmpty());
  ASSERT_TRUE(fleet_.Answer(lost, "done").ok());
  EXPECT_THAT(Take("b", {in_hand}), IsEmpty());
}

// The backend ends while it commits.
TEST_F(FleetStoreTest, AQuestionWhoseCommitWasNotAnsweredIsInDoubtAndKnownByItsNumber) {
  schema_.Query(
      "create function {schema}.end_backend() returns trigger language plpgsql as "
      "$$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$");
  schema_.Query(
      "create constraint trigger end_backend after insert on {schema}.fleet_request deferrable "
      "initially deferred for each row execute function {schema}.end_backend()");
  const FleetQuestion question{.asked_by = "asker",
                               .method = "Stop",
                               .take_within = absl::Seconds(5),
                               .keep_for = absl::Minutes(1)};
  const auto asked = fleet_.Ask({"b", "c"}, question);
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_TRUE(asked->in_doubt);
  EXPECT_THAT(asked->requests, SizeIs(2));
  schema_.Query("drop trigger end_backend on {schema}.fleet_request");
  const auto withdrawn = fleet_.Withdraw({asked->requests.begin()->first});
  ASSERT_TRUE(withdrawn.ok()) << withdrawn.status();
  EXPECT_THAT(*withdrawn, IsEmpty());
}

TEST_F(FleetStoreTest, AQuestionThatCouldNotBeWrittenIsAnError) {
  schema_.Query("alter table {schema}.fleet_request rename to elsewhere");
  EXPECT_EQ(fleet_.Ask({"b"}, {}).status().code(), absl::StatusCode::kUnavailable);
  schema_.Query("alter table {schema}.elsewhere rename to fleet_request");
}

TEST_F(FleetStoreTest, AnExpiredRequestIsNotTaken) {
  Ask("b", absl::ZeroDuration());
  EXPECT_THAT(Take("b"), IsEmpty());
}

TEST_F(FleetStoreTest, TheAnswerReachesWhoAsked) {
  Report(Said("b"));
  const int64_t id = Ask("b");
  EXPECT_FALSE(Read(id).taken);
  EXPECT_FALSE(Read(id).lost);
  Take("b");
  EXPECT_TRUE(Read(id).taken);
  EXPECT_FALSE(Read(id).reply.has_value());
  ASSERT_TRUE(fleet_.Answer(id, std::string("\0yes", 4)).ok());
  EXPECT_THAT(*Read(id).reply, absl::StatusOr<std::string>(std::string("\0yes", 4)));
}

TEST_F(FleetStoreTest, SoDoesAnError) {
  const int64_t id = Ask("b");
  Take("b");
  ASSERT_TRUE(fleet_.Answer(id, absl::FailedPreconditionError("not running")).ok());
  EXPECT_EQ(Read(id).reply->status(), absl::FailedPreconditionError("not running"));
  // No server of this id reports.
  EXPECT_TRUE(Read(id).lost);
}

TEST_F(FleetStoreTest, WithdrawnRequestsAreNotTakenAndItIsSaidWhichWere) {
  const int64_t taken = Ask("b");
  Take("b");
  const int64_t waiting = Ask("b");
  const auto withdrawn = fleet_.Withdraw({taken, waiting});
  ASSERT_TRUE(withdrawn.ok()) << withdrawn.status();
  EXPECT_THAT(*withdrawn, ElementsAre(Pair(taken, true), Pair(waiting, false)));
  EXPECT_THAT(Take("b"), IsEmpty());
  EXPECT_EQ(CountRequests(), "0");
  // The answer comes too late, and harms nothing.
  EXPECT_TRUE(fleet_.Answer(taken, "late").ok());
}

TEST_F(FleetStoreTest, RequestsThatNobodyRemovedGoInTime) {
  Ask("b");
  ASSERT_TRUE(fleet_.RemoveLeftovers().ok());
  EXPECT_EQ(CountRequests(), "1");
  schema_.Query("update {schema}.fleet_request set keep_until = now() - interval '1 s'");
  ASSERT_TRUE(fleet_.RemoveLeftovers().ok());
  EXPECT_EQ(CountRequests(), "0");
}

TEST_F(FleetStoreTest, NothingIsSavedAtFirst) {
  const auto saved = fleet_.Load("pool");
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_TRUE(saved->empty());
}

TEST_F(FleetStoreTest, WhatIsSavedIsKeptByNameAndWhatIsNotNamedStays) {
  ASSERT_EQ(fleet_.Save("pool", {.concurrency = 7, .task_identifiers = {{"a", "b \"c\""}}}),
            absl::OkStatus());
  ASSERT_EQ(fleet_.Save(
                "pool",
                {.stopped = true, .concurrency = 8, .forbidden_flags = std::vector<std::string>()}),
            absl::OkStatus());
  const auto saved = fleet_.Load("pool");
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_THAT(saved->stopped, Optional(true));
  EXPECT_THAT(saved->concurrency, Optional(8));
  EXPECT_THAT(saved->task_identifiers, Optional(ElementsAre("a", "b \"c\"")));
  EXPECT_THAT(saved->forbidden_flags, Optional(IsEmpty()));
  EXPECT_TRUE(fleet_.Load("other")->empty());
}

TEST_F(FleetStoreTest, WhatIsClearedIsSavedNoMore) {
  ASSERT_TRUE(fleet_.Save("pool", {.stopped = false}).ok());
  ASSERT_TRUE(fleet_.Clear("pool").ok());
  EXPECT_TRUE(fleet_.Load("pool")->empty());
}

}  // namespace
}  // namespace millrace
