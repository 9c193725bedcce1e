// Many servers and applications work on one schema at random, while a checker looks at single
// snapshots.
//
// Environment: STORAGE_ATTACK_SECONDS (20), STORAGE_ATTACK_CONNECTIONS (6), STORAGE_ATTACK_SEED (of
// the clock; it is printed).
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/spdlog.h"
#include "tests/fault/attack_world.h"
#include "tests/fault/attacker.h"
#include "tests/fault/storage_checks.h"

namespace millrace {
namespace {

using ::testing::IsEmpty;

int64_t Setting(const char* name, int64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::atoll(value);
}

class StorageAttackTest : public testing::Test {
 protected:
  // Lets attackers and the checker work for the given time. The number of snapshots that were
  // checked.
  int Attack(int connections, absl::Duration time, uint64_t seed) {
    SystemClock clock;
    const absl::Duration end = clock.Monotonic() + time;
    const auto going = [&] { return clock.Monotonic() < end && !world_.violated(); };
    std::vector<std::thread> threads;
    for (int i = 0; i < connections; ++i) {
      threads.emplace_back([&, i] {
        Attacker attacker(TestDatabaseUrl(), schema_.name(), world_, seed * 1000 + i);
        while (going()) attacker.Act();
        attacker.Finish();
      });
    }
    int snapshots = 0;
    while (going()) {
      for (const std::string& violation : FindViolations(schema_.database()))
        world_.AddViolation(violation);
      ++snapshots;
    }
    for (std::thread& thread : threads) thread.join();
    return snapshots;
  }

  // Rescues all workers, makes everything due, and completes it job by job, looking at each serial
  // queue's order.
  void Drain() {
    PostgresPoolStore pool(schema_.database());
    while (world_.TakeDead(0).has_value()) {
    }
    const auto leases = pool.ListLeases();
    ASSERT_TRUE(leases.ok()) << leases.status();
    for (const WorkerLease& lease : *leases) ASSERT_TRUE(pool.Rescue(lease.worker).ok());
    EXPECT_EQ(schema_.Query("select count(*) from {schema}.claim"), "0");
    schema_.Query("update {schema}.scheduled set due = due - interval '1 hour'");
    Attacker drainer(TestDatabaseUrl(), schema_.name(), world_, 1);
    while (drainer.ClaimAndComplete(500) > 0) {
    }
  }

  TestSchema schema_;
  AttackWorld world_;
};

TEST_F(StorageAttackTest, TheTablesAreConsistentInEverySnapshotAndEveryJobEndsOnce) {
  const auto seed =
      static_cast<uint64_t>(Setting("STORAGE_ATTACK_SEED", absl::ToUnixSeconds(absl::Now())));
  const int snapshots = Attack(static_cast<int>(Setting("STORAGE_ATTACK_CONNECTIONS", 6)),
                               absl::Seconds(Setting("STORAGE_ATTACK_SECONDS", 20)), seed);
  ASSERT_THAT(world_.violations(), IsEmpty()) << "seed " << seed;
  Drain();
  EXPECT_THAT(world_.violations(), IsEmpty()) << "seed " << seed;
  EXPECT_THAT(FindViolations(schema_.database()), IsEmpty());
  for (const std::string place :
       {"ready", "scheduled", "follower", "claim",
        "job_memory where job_id not in (select id from {schema}.exhausted)"}) {
    EXPECT_EQ(schema_.Query("select count(*) from {schema}." + place), "0") << place;
  }
  EXPECT_EQ(schema_.Query("select (select count(*) from {schema}.job) = (select count(*) from "
                          "{schema}.attempt_outcome where final)"
                          " + (select count(*) from {schema}.exhausted)"),
            "t");
  EXPECT_GT(snapshots, 3);
  std::cout << "seed " << seed << ", " << snapshots << " snapshots, jobs "
            << schema_.Query("select count(*) from {schema}.job") << ": " << world_.Summary()
            << "\n";
}

// The checks themselves: what would a checker be worth that finds nothing?
class StorageChecksTest : public testing::Test {
 protected:
  void ExpectFound(const std::string& sql) {
    schema_.Query(sql);
    EXPECT_THAT(FindViolations(schema_.database()), testing::Not(IsEmpty())) << sql;
  }
  TestSchema schema_;
};

TEST_F(StorageChecksTest, AHealthySchemaHasNoViolation) {
  schema_.Query("select {schema}.add_job('t', queue_name := 'q', job_key := 'k')");
  schema_.Query("select {schema}.promote_due(10)");
  EXPECT_THAT(FindViolations(schema_.database()), IsEmpty());
}

TEST_F(StorageChecksTest, AJobThatIsNowhereIsFound) {
  schema_.Query("select {schema}.add_job('t')");
  ExpectFound("delete from {schema}.ready");
}

TEST_F(StorageChecksTest, AJobInTwoPlacesIsFound) {
  schema_.Query("select {schema}.add_job('t')");
  ExpectFound("insert into {schema}.scheduled (due, id) select now(), id from {schema}.job");
}

TEST_F(StorageChecksTest, AReadyJobThatIsNotTheHeadOfItsQueueIsFound) {
  schema_.Query("select {schema}.add_job('t', queue_name := 'q')");
  schema_.Query("select {schema}.promote_due(10)");
  ExpectFound("update {schema}.queue set head = null");
}

TEST_F(StorageChecksTest, AWaitingJobThatHasLostItsKeyIsFound) {
  schema_.Query("select {schema}.add_job('t', job_key := 'k')");
  ExpectFound("delete from {schema}.job_key");
}

TEST_F(StorageChecksTest, AClaimThatCountsWrongIsFound) {
  schema_.Query(
      "insert into {schema}.claim (id, worker, claimed_at, open_jobs, first_ids, counts, attempts) "
      "values (1, 1, now(), 1, '{}', '{}', '{}')");
  EXPECT_THAT(FindViolations(schema_.database()), testing::Not(IsEmpty()));
}

}  // namespace
}  // namespace millrace
