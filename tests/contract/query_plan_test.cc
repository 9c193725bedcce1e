// The hot statements read no more of a long queue than of a short one: what they touch is counted
// in blocks, as EXPLAIN does, under the generic plan that a prepared statement ends up with.
#include <algorithm>
#include <cstdlib>
#include <iostream>
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
};

int64_t BlocksOf(const Json& plan) {
  return plan["Shared Hit Blocks"].get<int64_t>() + plan["Shared Read Blocks"].get<int64_t>();
}

void AddSequentialScans(const Json& plan, std::vector<std::string>& tables) {
  if (plan["Node Type"] == "Seq Scan" && BlocksOf(plan) > 0)
    tables.push_back(plan["Relation Name"]);
  if (!plan.contains("Plans")) return;
  for (const Json& child : plan["Plans"]) AddSequentialScans(child, tables);
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
    const Json root = Json::parse(plan)[0]["Plan"];
    Work work{.blocks = BlocksOf(root)};
    AddSequentialScans(root, work.whole_tables_read);
    std::cout << statement << ": " << work.blocks << " blocks\n";
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

}  // namespace
}  // namespace millrace
