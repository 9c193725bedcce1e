// What becomes of a rescue, or of giving back, when the answer to the commit is lost or does not
// come.

#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/pool_store_fixture.h"
#include "tests/support/eventually.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class InDoubtTest : public PoolStoreFixture {
 protected:
  InDoubtTest() {
    Add({.task_identifier = "t"});
    claimed_ = Claim(1).at(0);
    job_ = claimed_.job.id;
    schema_.Query(
        "create function {schema}.wait() returns trigger language plpgsql as "
        "$$ begin while not pg_try_advisory_xact_lock(hashtext('{schema}')) loop "
        "perform pg_sleep(0.01); end loop; return null; end $$; "
        "create constraint trigger wait after update on {schema}.claim deferrable initially "
        "deferred for each row execute function {schema}.wait()");
  }

  // Makes commits that free or give back jobs wait until Release.
  void HoldUpCommits() {
    holder_.emplace(TestDatabaseUrl());
    pqxx::nontransaction(*holder_).exec("select pg_advisory_lock(hashtext('" + schema_.name() +
                                        "'))");
  }
  void Release() { holder_.reset(); }
  // The backend whose commit waits; "" if there is none.
  std::string FindWaiting() {
    return schema_.Query(
        "select distinct pid from pg_stat_activity join pg_locks using (pid) where relation = "
        "'{schema}.claim'::regclass and wait_event = 'PgSleep'");
  }
  // Loses the answer to the commit.
  void RescueInVain() {
    HoldUpCommits();
    const absl::Status status = impatient_store_.Rescue(worker_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_TRUE(Eventually([this] { return !FindWaiting().empty(); }));
  }
  std::vector<JobId> RescueAgain() { return RescueBy(impatient_store_); }
  std::vector<JobId> RescueBy(PostgresPoolStore& store) {
    const auto rescued = store.Rescue(worker_);
    EXPECT_TRUE(rescued.ok()) << rescued.status();
    std::vector<JobId> ids;
    if (!rescued.ok()) return ids;
    for (const RescuedJob& job : *rescued) ids.push_back(job.job.id);
    return ids;
  }

  void GiveBackInVain() {
    HoldUpCommits();
    const absl::Status status =
        impatient_store_.GiveBack(worker_, {{claimed_.claim_id, job_}}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_TRUE(Eventually([this] { return !FindWaiting().empty(); }));
  }
  std::vector<RecordVerdict> GiveBackAgain() {
    const auto result = impatient_store_.GiveBack(worker_, {{claimed_.claim_id, job_}});
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->verdicts : std::vector<RecordVerdict>();
  }

  ClaimedJob claimed_;
  JobId job_ = 0;
  SystemClock clock_;
  // Its connection is cut under a call that takes so long.
  std::unique_ptr<PostgresDatabase> impatient_ = *PostgresDatabase::Create(
      {.database_url = TestDatabaseUrl(), .schema = schema_.name(), .call_limit = absl::Seconds(4)},
      schema_.metrics(), clock_);
  PostgresPoolStore impatient_store_{*impatient_};
  std::optional<pqxx::connection> holder_;
};

TEST_F(InDoubtTest, WhatItHasFreedIsToldByTheNextOneIfItHasCommitted) {
  RescueInVain();
  Release();
  ASSERT_TRUE(Eventually([this] { return StateOf(job_) == JobState::kReady; }));
  EXPECT_THAT(RescueAgain(), ElementsAre(job_));
  EXPECT_THAT(RescueAgain(), IsEmpty());
}

TEST_F(InDoubtTest, WhatItDidNotFreeAfterAllIsFreedAndToldOnceByTheNextOne) {
  RescueInVain();
  schema_.Query("select pg_terminate_backend(" + FindWaiting() + ", 60000)");
  Release();
  EXPECT_EQ(StateOf(job_), JobState::kHeld);
  EXPECT_THAT(RescueAgain(), ElementsAre(job_));
  EXPECT_THAT(RescueAgain(), IsEmpty());
}

// Whoever rescues has a lease of its own to keep.
TEST_F(InDoubtTest, OneThatTakesTooLongIsGivenUpWithinAFewSeconds) {
  HoldUpCommits();
  const absl::Time begun = absl::Now();
  const absl::Status status = store_.Rescue(worker_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_LT(absl::Now() - begun, absl::Seconds(15));
  Release();
  ASSERT_TRUE(Eventually([this] { return StateOf(job_) == JobState::kReady; }));
  EXPECT_THAT(RescueBy(store_), ElementsAre(job_));
}

TEST_F(InDoubtTest, WhileItIsUndecidedTheNextOneComesToNothingAndTheOneAfterTellsOfIt) {
  RescueInVain();
  // It waits for a lock, but not as long as a lease may take.
  const absl::Status meanwhile = impatient_store_.Rescue(worker_).status();
  EXPECT_EQ(meanwhile.code(), absl::StatusCode::kUnavailable) << meanwhile;
  EXPECT_THAT(std::string(meanwhile.message()), testing::HasSubstr("lock timeout"));
  Release();
  ASSERT_TRUE(Eventually([this] { return StateOf(job_) == JobState::kReady; }));
  EXPECT_THAT(RescueAgain(), ElementsAre(job_));
}

TEST_F(InDoubtTest, WhatWasGivenBackAfterAllIsToldOnceByTheNextCall) {
  GiveBackInVain();
  Release();
  ASSERT_TRUE(Eventually([this] { return StateOf(job_) == JobState::kReady; }));
  EXPECT_THAT(GiveBackAgain(), ElementsAre(RecordVerdict::kAccepted));
  EXPECT_THAT(GiveBackAgain(), ElementsAre(RecordVerdict::kStale));
}

TEST_F(InDoubtTest, WhatWasNotGivenBackAfterAllIsGivenBackByTheNextCall) {
  GiveBackInVain();
  schema_.Query("select pg_terminate_backend(" + FindWaiting() + ", 60000)");
  Release();
  EXPECT_EQ(StateOf(job_), JobState::kHeld);
  EXPECT_THAT(GiveBackAgain(), ElementsAre(RecordVerdict::kAccepted));
  EXPECT_EQ(StateOf(job_), JobState::kReady);
  EXPECT_THAT(GiveBackAgain(), ElementsAre(RecordVerdict::kStale));
}

}  // namespace
}  // namespace millrace
