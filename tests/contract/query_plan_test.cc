// The hot statements read no more of a long queue than of a short one: what they touch is counted
// in blocks, as EXPLAIN does, under the generic plan that a prepared statement ends up with.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/postgres/postgres_job_store.h"
#include "server/store/postgres/postgres_pool_store.h"
#include "tests/support/test_schema.h"

namespace millrace {
namespace {

using ::testing::AnyOf;
using ::testing::Each;
using ::testing::IsEmpty;
using Json = nlohmann::json;

constexpr int kBatch = 64;
// What indexes that have just grown, and a free space map, may add; far less than a long queue has.
constexpr int kFewBlocks = 64;

// How many jobs a long queue has here; MILLRACE_PLAN_TEST_JOBS names another number.
int LongQueue() {
  const char* jobs = std::getenv("MILLRACE_PLAN_TEST_JOBS");
  return jobs == nullptr ? 50'000 : std::atoi(jobs);
}

// What a statement did.
struct Work {
  int64_t blocks = 0;
  // Without those that are empty.
  std::vector<std::string> whole_tables_read;
  // Those of them that have more than a few blocks.
  std::vector<std::string> large_tables_read;
};

int64_t BlocksOf(const Json& plan) {
  return plan["Shared Hit Blocks"].get<int64_t>() + plan["Shared Read Blocks"].get<int64_t>();
}

void AddSequentialScans(const Json& plan, Work& work) {
  if (plan["Node Type"] == "Seq Scan" && BlocksOf(plan) > 0) {
    work.whole_tables_read.push_back(plan["Relation Name"]);
    if (BlocksOf(plan) > kFewBlocks) work.large_tables_read.push_back(plan["Relation Name"]);
  }
  if (!plan.contains("Plans")) return;
  for (const Json& child : plan["Plans"]) AddSequentialScans(child, work);
}

class QueryPlanTest : public testing::Test {
 protected:
  QueryPlanTest() : jobs_(schema_.database(), schema_.metrics()), store_(schema_.database()) {
    worker_ = *store_.RegisterWorker({.worker_id = "worker-1",
                                      .pool_name = "pool",
                                      .host = "host",
                                      .pid = 1,
                                      .version = "1",
                                      .lease_ttl = absl::Seconds(15)});
  }

  // Each a row of its own, as when jobs are added one by one, due one after the other.
  void Add(int count, absl::Time first_run_at, int priority) {
    constexpr int kMostPerCall = 10'000;
    for (int from = 0; from < count; from += kMostPerCall) {
      std::vector<JobSpec> specs;
      for (int i = from; i < std::min(count, from + kMostPerCall); ++i) {
        specs.push_back({.task_identifier = "t",
                         .run_at = first_run_at + absl::Milliseconds(i),
                         .priority = priority});
      }
      ASSERT_TRUE(jobs_.AddJobs(specs).ok());
    }
  }
  void AddReady(int count) { Add(count, absl::Now() - absl::Hours(48), 0); }
  // What would come first if it could run.
  void AddFuture(int count) { Add(count, absl::Now() + absl::Hours(48), -1); }

  // Explains the statement with these arguments, after it was run, in a transaction that is undone.
  Work Explain(const std::string& statement, const std::string& arguments) {
    std::string plan;
    // Of its own, so that what the stores have prepared stays.
    const auto connection = schema_.database().OpenConnection();
    EXPECT_TRUE(connection.ok()) << connection.status();
    const absl::Status ran = (*connection)->Run([&](PostgresConnection& running) {
      pqxx::work transaction(running.raw());
      const std::string text = absl::StrReplaceAll(schema_.database().statements().Text(statement),
                                                   {{"{rows}", absl::StrCat(kBatch)}});
      transaction.exec("analyze");
      transaction.exec("set local plan_cache_mode = force_generic_plan");
      transaction.exec(absl::StrCat("prepare explained as ", text));
      plan = transaction
                 .exec(absl::StrCat("explain (analyze, buffers, format json) execute explained(",
                                    arguments, ")"))[0][0]
                 .c_str();
    });
    EXPECT_TRUE(ran.ok()) << ran;
    const Json explained = Json::parse(plan)[0];
    const Json& root = explained["Plan"];
    Work work{.blocks = BlocksOf(root)};
    AddSequentialScans(root, work);
    std::cout << statement << "(" << arguments.substr(0, 80) << "): " << work.blocks << " blocks, "
              << explained["Execution Time"].get<double>() << " ms\n";
    return work;
  }
  Work ExplainClaim() {
    return Explain("ClaimJobs",
                   absl::StrCat(kBatch, ", ", worker_, ", '{t}', '{}', false, ", kBatch, ", 1"));
  }
  Work ExplainCompletion() {
    const auto claimed = store_.Claim({.worker = worker_, .number = ++claims_, .max_jobs = kBatch});
    EXPECT_EQ(claimed->size(), static_cast<size_t>(kBatch));
    const std::string ids = absl::StrJoin(
        *claimed, ",",
        [](std::string* out, const ClaimedJob& job) { absl::StrAppend(out, job.job.id); });
    const std::string times = absl::StrJoin(std::vector<int>(claimed->size(), 5), ",");
    return Explain("CompletePlain",
                   absl::StrCat("'{", claimed->front().claim_id, "}', '{1}', '{1}', '{", kBatch,
                                "}', '{", ids, "}', '{", times, "}', '{", times, "}', ", worker_));
  }

  // As many jobs of one task and serial queue as a long queue has, and rows for them in one place.
  void FillPlace(const std::string& rows) {
    schema_.Query("select {schema}.make_lane('t', '{}'), {schema}.make_queue('q')");
    schema_.Query(absl::StrCat(
        "with ids as materialized (select {schema}.new_job_id() id from generate_series(1, ",
        LongQueue(),
        ")), jobs as (insert into {schema}.job (id, lane, priority, max_attempts, queue, run_at, "
        "payload) select id, {schema}.find_lane('t', '{}'), 0, 25, {schema}.find_queue('q'), "
        "now(), '{}' from ids) ",
        rows));
  }
  // Jobs of FillPlace that have ended with this outcome.
  void FillOutcomes(const std::string& outcome) {
    FillPlace(absl::StrCat(
        "insert into {schema}.attempt_outcome select id, {schema}.claim_id(7), 1, now(), 0, 0, 1, "
        "1, '",
        outcome, "', true from ids"));
  }
  // The most that the statement reads of what FillPlace made, whether none or all match.
  int64_t BlocksOfWalk(const std::string& statement) {
    int64_t most = 0;
    const std::string lane = schema_.Query("select {schema}.find_lane('t', '{}')");
    const std::string queue = schema_.Query("select {schema}.find_queue('q')");
    const std::string newest = std::to_string(std::numeric_limits<int64_t>::max());
    const std::string middle =
        schema_.Query("select percentile_disc(0.5) within group (order by id) from {schema}.job");
    for (const std::string& before : {newest, middle}) {
      for (const std::string& names :
           {std::string("true, '{}', true, '{}'"), std::string("false, '{0}', true, '{}'"),
            std::string("true, '{}', false, '{0}'"),
            absl::StrCat("false, '{", lane, "}', true, '{}'"),
            absl::StrCat("false, '{", lane, "}', false, '{", queue, "}'")}) {
        const Work work = Explain(statement, absl::StrCat(before, ", 101, ", names));
        EXPECT_THAT(work.large_tables_read, IsEmpty()) << names;
        most = std::max(most, work.blocks);
      }
    }
    return most;
  }

  TestSchema schema_;
  PostgresJobStore jobs_;
  PostgresPoolStore store_;
  WorkerNumber worker_ = 0;
  int64_t claims_ = 0;
};

TEST_F(QueryPlanTest, AClaimReadsNoMoreOfALongQueueThanOfAShortOne) {
  AddReady(1000);
  const Work from_short = ExplainClaim();
  AddReady(LongQueue());
  const Work from_long = ExplainClaim();
  EXPECT_THAT(from_long.whole_tables_read, Each(AnyOf("lane", "worker")));
  EXPECT_LE(from_long.blocks, from_short.blocks * 2 + kFewBlocks);
}

TEST_F(QueryPlanTest, AClaimReadsNothingOfTheJobsThatWaitForTheirTime) {
  AddReady(1000);
  const Work without = ExplainClaim();
  AddFuture(LongQueue());
  const Work with = ExplainClaim();
  EXPECT_LE(with.blocks, without.blocks * 2 + kFewBlocks);
}

TEST_F(QueryPlanTest, ACompletionReadsNoMoreOfALongQueueThanOfAShortOne) {
  AddReady(1000);
  const Work from_short = ExplainCompletion();
  AddReady(LongQueue());
  const Work from_long = ExplainCompletion();
  EXPECT_THAT(from_long.whole_tables_read, Each("claim"));
  EXPECT_LE(from_long.blocks, from_short.blocks * 2 + kFewBlocks);
}

// A walk of a list looks at 10,000 rows of job, many of which share a block here, or at 2,000 of
// another place with what belongs to each.
constexpr int64_t kBlocksOfJobs = 400;
constexpr int64_t kBlocksOfPlaces = 16'000;

TEST_F(QueryPlanTest, AListOfAllJobsReadsABoundedNumberOfThem) {
  FillPlace("select");
  EXPECT_LE(BlocksOfWalk("WalkAll"), kBlocksOfJobs);
}

TEST_F(QueryPlanTest, AListOfReadyJobsReadsABoundedNumberOfThem) {
  FillPlace(
      "insert into {schema}.ready (lane, priority, run_at, id) select {schema}.find_lane('t', "
      "'{}'), 0, now(), id from ids");
  EXPECT_LE(BlocksOfWalk("WalkReady"), kBlocksOfPlaces);
}

TEST_F(QueryPlanTest, AListOfReadyJobsReadsABoundedNumberOfOthers) {
  AddReady(20);
  FillPlace("insert into {schema}.exhausted select id, now() from ids");
  EXPECT_LE(BlocksOfWalk("WalkReady"), kFewBlocks);
  // Too many for all to be read.
  AddReady(10'001);
  FillPlace("insert into {schema}.exhausted select id, now() from ids");
  EXPECT_LE(BlocksOfWalk("WalkReady"), kBlocksOfPlaces);
}

TEST_F(QueryPlanTest, AListOfScheduledJobsReadsABoundedNumberOfThem) {
  FillPlace(
      "insert into {schema}.scheduled (due, id, queue) select now() + interval '1 day', id, "
      "{schema}.find_queue('q') from ids");
  EXPECT_LE(BlocksOfWalk("WalkScheduled"), kBlocksOfPlaces);
}

TEST_F(QueryPlanTest, AListOfJobsBehindOthersReadsABoundedNumberOfThem) {
  FillPlace(
      "insert into {schema}.follower (queue, priority, run_at, id) select "
      "{schema}.find_queue('q'), 0, now(), id from ids");
  EXPECT_LE(BlocksOfWalk("WalkFollowers"), kBlocksOfPlaces);
}

TEST_F(QueryPlanTest, AListOfHeldJobsReadsABoundedNumberOfThemAndOfOutcomes) {
  FillOutcomes("c");
  schema_.Query(
      "insert into {schema}.claim select {schema}.claim_id(8), 1, now(), 5000, array_agg(id), "
      "array_agg(1::smallint), array_agg(0::smallint) from (select id from {schema}.job order by "
      "id desc limit 5000) x");
  EXPECT_LE(BlocksOfWalk("WalkHeld"), kBlocksOfPlaces);
}

TEST_F(QueryPlanTest, AListOfExhaustedJobsReadsABoundedNumberOfThem) {
  FillPlace("insert into {schema}.exhausted select id, now() from ids");
  EXPECT_LE(BlocksOfWalk("WalkExhausted"), kBlocksOfPlaces);
}

TEST_F(QueryPlanTest, AListOfCompletedJobsReadsABoundedNumberOfThem) {
  FillOutcomes("c");
  EXPECT_LE(BlocksOfWalk("WalkCompleted"), kBlocksOfPlaces);
  EXPECT_LE(BlocksOfWalk("WalkCancelled"), kFewBlocks);
}

TEST_F(QueryPlanTest, AListOfCancelledJobsReadsABoundedNumberOfThem) {
  FillOutcomes("k");
  EXPECT_LE(BlocksOfWalk("WalkCancelled"), kBlocksOfPlaces);
}

// Each look reads a few blocks of each index for each job, whatever there is besides.
TEST_F(QueryPlanTest, ALookForJobsThatHaveEndedReadsOnlyWhatBelongsToThem) {
  FillOutcomes("c");
  constexpr int kJobs = 100;
  const std::string ids = schema_.Query(
      absl::StrCat("select array_agg(id) from (select id from {schema}.job order by id desc limit ",
                   kJobs, ") x"));
  for (const char* const statement : {"EndedJobs", "LastAttempts"}) {
    const Work work = Explain(statement, absl::StrCat("'", ids, "'"));
    EXPECT_THAT(work.large_tables_read, IsEmpty()) << statement;
    EXPECT_LE(work.blocks, kJobs * 40 + kFewBlocks) << statement;
  }
}

}  // namespace
}  // namespace millrace
