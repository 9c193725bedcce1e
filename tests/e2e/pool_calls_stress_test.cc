// Start, Stop, ForceStop, changes of the pool and ending jobs over gRPC from many clients at once,
// while jobs run (contract A3 to A9, C7).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>
#include <thread>

#include "client/library/job_queue_client.h"
#include "client/library/worker_pool_client.h"
#include "tests/e2e/e2e_schema.h"
#include "tests/e2e/runs_file.h"
#include "tests/e2e/server_process.h"
#include "tests/support/eventually.h"
#include "tests/unit/app/temp_folder.h"

namespace millrace {
namespace {

using testing::AnyOf;

constexpr int kClients = 6;
// Of each client; some take as long as the pool takes to stop.
constexpr int kCalls = 60;
constexpr int kJobsOfATask = 400;
constexpr int kAddedTimes = 6;
// At the beginning and at the end, and what changes make of it at most.
constexpr int kConcurrency = 4;
constexpr int kMostWorkers = 6;

class PoolCallsStressTest : public testing::Test {
 protected:
  void StartServer() {
    server_ = std::make_unique<ServerProcess>(
        MILLRACE_E2E_SERVER,
        std::vector<std::string>{"--database-url=" + schema_.url(), "--schema=" + schema_.name(),
                                 "--concurrency=" + std::to_string(kConcurrency),
                                 "--graceful-shutdown-timeout-ms=50", "--poll-interval-ms=50",
                                 "--retry-base-ms=5"},
        std::vector<std::string>{"E2E_RUNS_FILE=" + runs_file_,
                                 "E2E_BOOKING_TABLE=" + schema_.name() + ".booking"});
    ASSERT_TRUE(server_->WaitUntilReady()) << server_->output();
    schema_.Query("create table {schema}.booking (job bigint not null)");
  }
  std::unique_ptr<client::Connection> Connect() {
    return *client::Connection::Create(
        {.address = server_->grpc_address(), .deadline = absl::Minutes(1)});
  }
  void AddJobs(const std::string& task, const std::string& options) {
    schema_.Query("select count(*) from generate_series(1, " + std::to_string(kJobsOfATask) +
                  ") n, {schema}.add_job('" + task + "', jsonb_build_object('n', n)" + options +
                  ")");
  }
  std::vector<JobId> ListJobs() {
    std::istringstream list(schema_.Query("select string_agg(id::text, ' ') from {schema}.job"));
    std::vector<JobId> ids;
    for (JobId id; list >> id;) ids.push_back(id);
    return ids;
  }
  void Operate(int client, const std::vector<JobId>& jobs) {
    std::mt19937_64 random(client);
    const auto connection = Connect();
    client::WorkerPoolClient pool(*connection);
    client::JobQueueClient queue(*connection);
    static const std::array<std::optional<absl::Duration>, 4> kTimeouts = {
        std::nullopt, absl::ZeroDuration(), absl::Milliseconds(5), absl::Hours(1)};
    for (int i = 0; i < kCalls; ++i) {
      switch (random() % 9) {
        case 0:
          ExpectFine(pool.Stop(kTimeouts[random() % kTimeouts.size()]).status());
          break;
        case 1:
          ExpectFine(pool.ForceStop().status());
          break;
        case 2:
          EXPECT_LE(pool.Stats()->active, kMostWorkers);
          break;
        case 3:
          EXPECT_EQ(pool.Update(RandomChange(random)).status(), absl::OkStatus());
          break;
        case 4:
          EndSome(queue, random, jobs);
          break;
        default:
          ExpectFine(pool.Start().status());
          // Something is to run before the next one stops it.
          AwaitClaims(pool, static_cast<int64_t>(random() % 10));
      }
    }
  }
  // Any of the jobs, or what is held just then.
  static void EndSome(client::JobQueueClient& queue, std::mt19937_64& random,
                      const std::vector<JobId>& jobs) {
    std::vector<JobId> ids = {jobs[random() % jobs.size()]};
    if (random() % 2 == 0) {
      ids.clear();
      const auto held = queue.ListJobs({.states = {JobState::kHeld}}, 100, "");
      ASSERT_TRUE(held.ok()) << held.status();
      for (const auto& details : held->jobs) ids.push_back(details.job.id);
    }
    if (ids.empty()) return;
    // Nothing was done where pools and others were in the way too often.
    const auto ended =
        random() % 2 == 0 ? queue.CancelJobs(ids, "") : queue.PermanentlyFailJobs(ids, "");
    EXPECT_THAT(ended.status().code(), AnyOf(absl::StatusCode::kOk, absl::StatusCode::kAborted));
  }
  static client::PoolChange RandomChange(std::mt19937_64& random) {
    client::PoolChange change;
    change.concurrency = 1 + static_cast<int>(random() % kMostWorkers);
    if (random() % 2 == 0) {
      change.task_identifiers.emplace();
      for (const char* const task : {"brief", "yielding", "telling", "booking", "failing"}) {
        if (random() % 2 == 0) change.task_identifiers->emplace_back(task);
      }
    }
    if (random() % 2 == 0) {
      change.forbidden_flags.emplace();
      if (random() % 2 == 0) change.forbidden_flags->emplace_back("red");
    }
    return change;
  }
  // Until so many jobs more were claimed, or it was stopped.
  static void AwaitClaims(client::WorkerPoolClient& pool, int64_t jobs) {
    const int64_t before = pool.Stats()->claimed;
    Eventually(
        [&] {
          const auto stats = pool.Stats();
          return !stats->running || stats->claimed >= before + jobs;
        },
        absl::Milliseconds(200));
  }
  static void ExpectFine(const absl::Status& status) {
    EXPECT_THAT(status.code(), AnyOf(absl::StatusCode::kOk, absl::StatusCode::kFailedPrecondition))
        << status;
  }
  int CountIn(const std::string& table_and_condition) {
    return schema_.Count("select count(*) from {schema}." + table_and_condition);
  }
  int CountOutcomes(const std::string& letter) {
    return CountIn("attempt_outcome where outcome = '" + letter + "'");
  }

  TempFolder folder_;
  const std::string runs_file_ = folder_.path() + "/runs";
  E2eSchema schema_;
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(PoolCallsStressTest, EveryJobIsAccountedForWhateverManyCallersDoAtOnce) {
  ASSERT_NO_FATAL_FAILURE(StartServer());
  AddJobs("brief", "");
  AddJobs("yielding", "");
  AddJobs("brief", ", queue_name => 'q' || n % 5");
  AddJobs("failing", ", max_attempts => 2");
  AddJobs("telling", ", flags => case when n % 2 = 0 then array['red'] else '{}' end");
  AddJobs("booking", ", flags => case when n % 3 = 0 then array['red'] else '{}' end");
  const std::vector<JobId> jobs = ListJobs();
  ASSERT_EQ(jobs.size(), kAddedTimes * kJobsOfATask);
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i) clients.emplace_back([&, i] { Operate(i, jobs); });
  for (std::thread& client : clients) client.join();

  const auto connection = Connect();
  client::WorkerPoolClient pool(*connection);
  const std::vector<std::string> none;
  ASSERT_EQ(pool.Update({kConcurrency, none, none}).status(), absl::OkStatus());
  ASSERT_TRUE(Eventually([&] {
    // Refused while it still stops, or runs already.
    pool.Start().status().IgnoreError();
    return CountIn("attempt_outcome where final") + CountIn("exhausted") ==
           kAddedTimes * kJobsOfATask;
  })) << server_->output();
  ExpectFine(pool.Stop(std::nullopt).status());
  EXPECT_EQ(CountOutcomes("c") + CountOutcomes("k") + CountIn("exhausted"),
            kAddedTimes * kJobsOfATask);
  // Two failures for each that was exhausted by itself, and what there was of the others before.
  EXPECT_GE(CountOutcomes("f"),
            2 * CountIn("exhausted where not id in (select job_id from {schema}.attempt_outcome "
                        "where outcome = 'x')"));
  EXPECT_GT(CountOutcomes("x"), 0);
  EXPECT_GT(CountOutcomes("k"), 0);
  EXPECT_EQ(CountIn("booking"),
            CountIn("attempt_outcome o join {schema}.booking b on b.job = o.job_id where o.outcome "
                    "= 'c'"));
  EXPECT_EQ(CountIn("booking"), CountIn("attempt_outcome o join {schema}.job j on j.id = o.job_id "
                                        "join {schema}.lane l on l.id = j.lane where "
                                        "l.task_identifier = 'booking' and o.outcome = 'c'"));
  EXPECT_EQ(CountIn("progress"), 0);
  EXPECT_EQ(CountIn("claim"), 0);
  EXPECT_EQ(CountIn("worker where ended_at is null"), 0);
  // A job that an operator ends while it does not run gets a record as attempt 0.
  const int runs = CountIn("attempt_outcome where attempt > 0");
  EXPECT_EQ(CountRuns(ReadRuns(runs_file_)), runs);
  const auto stats = pool.Stats();
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_EQ(stats->completed, CountOutcomes("c"));
  EXPECT_EQ(stats->failed,
            CountOutcomes("f") + CountIn("attempt_outcome where outcome = 'x' and attempt > 0"));
  EXPECT_EQ(stats->interrupted, CountOutcomes("i"));
  const int ended_unrun =
      CountIn("attempt_outcome where outcome in ('k', 'x') and attempt = 0 and worker <> 0");
  EXPECT_EQ(stats->claimed, runs + stats->given_back + ended_unrun);
  EXPECT_EQ(stats->errors, 0);
  EXPECT_EQ(stats->active + stats->buffered + stats->stuck, 0);
  std::cout << "runs " << runs << ", given back " << stats->given_back << ", interrupted "
            << stats->interrupted << ", cancelled " << CountOutcomes("k") << " ("
            << CountIn("attempt_outcome where outcome = 'k' and worker <> 0")
            << " of them held), failed for good " << CountOutcomes("x") << ", booked "
            << CountIn("booking") << "\n";
}

}  // namespace
}  // namespace millrace
