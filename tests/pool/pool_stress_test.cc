// Start, Stop, ForceStop, changes of the pool and cancelling from many clients at once while jobs
// of mixed behaviour run, and the account of every job afterwards (contract A3 to A9, C7), on real
// PostgreSQL. POOL_STRESS_SECONDS says for how long, POOL_STRESS_SEED how the dice fall.

#include <array>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "tests/pool/pool_on_postgres.h"
#include "tests/pool/run_ledger.h"
#include "tests/pool/stress_audit.h"
#include "tests/pool/stress_tasks.h"

namespace millrace {
namespace {

using ::testing::AnyOf;

// At the beginning and at the end, and what changes make of it at most.
constexpr int kConcurrency = 4;
constexpr int kMostWorkers = 6;
constexpr int kClients = 6;
constexpr int kCancellers = 2;
// The feed still holds the events of so many.
constexpr int kMostJobs = 15'000;

int64_t Setting(const char* name, int64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::atoll(value);
}

class PoolStressTest : public PoolOnPostgres {
 public:
  ~PoolStressTest() override { pool_.reset(); }

 protected:
  PoolStressTest() : PoolOnPostgres(Time::kReal) {
    schema_.Query("create table {schema}.booking (job bigint not null)");
    config_.concurrency = kConcurrency;
    config_.queue_size = 20;
    config_.queue_ttl = absl::Milliseconds(200);
    config_.poll_interval = absl::Milliseconds(50);
    config_.graceful_shutdown_timeout = absl::Milliseconds(50);
    config_.stop_grace = absl::Milliseconds(10);
    config_.lease_ttl = absl::Minutes(5);
    config_.heartbeat_interval = absl::Milliseconds(500);
    config_.retry.base = absl::Milliseconds(5);
    config_.retry.maximum = absl::Milliseconds(20);
    stress_tasks_.AddTo(tasks_);
  }

  // Adds jobs as long as there is time, but not far more than the pool runs.
  void Feed(Dice dice) {
    while (callers_.CountAdded() < kMostJobs && !WaitForEnd(absl::Milliseconds(20))) {
      const std::string waiting = schema_.Query(
          "select (select count(*) from {schema}.ready) + (select count(*) from {schema}.scheduled)"
          " + (select count(*) from {schema}.follower)");
      if (std::stoi(waiting) > 300) continue;
      std::vector<JobSpec> specs;
      for (int i = 0; i < 50; ++i) specs.push_back(StressTasks::RandomSpec(dice));
      const auto added = jobs_.AddJobs(specs);
      ASSERT_TRUE(added.ok()) << added.status();
      callers_.NoteAdded(*added);
    }
  }

  // Cancels a few jobs or fails them for good, wherever they are, and tells the pool as a server
  // does. Never the same job both ways, so that the answers can be checked.
  void EndSome(Dice dice) {
    while (!WaitForEnd(absl::Milliseconds(dice.Below(100)))) {
      const bool held_ones = dice.Below(2) == 0;
      const JobEnding ending = dice.Below(2) == 0 ? JobEnding::kCancel : JobEnding::kFail;
      std::vector<JobId> ids;
      for (const JobId id : held_ones ? FindHeld() : callers_.LastAdded(400)) {
        if ((id % 2 == 0) != (ending == JobEnding::kCancel)) continue;
        if (dice.Below(held_ones ? 2 : 200) == 0) ids.push_back(id);
      }
      if (ids.empty()) continue;
      const auto ended = jobs_.EndJobs(ids, ending, "not wanted");
      // Nothing was done where pools and others were in the way too often.
      if (absl::IsAborted(ended.status())) continue;
      ASSERT_TRUE(ended.ok()) << ended.status();
      callers_.NoteEnded(ending, ids, *ended);
      pool_->NoteCancelled();
    }
  }

  std::vector<JobId> FindHeld() {
    const auto page = jobs_.ListJobs({.states = {JobState::kHeld}}, std::nullopt, 100);
    EXPECT_TRUE(page.ok()) << page.status();
    std::vector<JobId> ids;
    if (!page.ok()) return ids;
    for (const JobDetails& details : page->jobs) ids.push_back(details.job.id);
    return ids;
  }

  // What one client does; each answer must be one that the contract knows.
  void Operate(Dice dice) {
    while (!WaitForEnd(absl::Milliseconds(dice.Below(120)))) {
      const int64_t choice = dice.Below(12);
      if (choice < 6) {
        const absl::Status started = pool_->Start();
        if (started.ok()) ++starts_;
        ExpectFine(started);
      } else if (choice < 8) {
        StopPatiently(dice);
      } else if (choice < 9) {
        const auto asked = pool_->ForceStop();
        ExpectFine(asked.status());
        if (asked.ok()) {
          EXPECT_LE(*asked, kMostWorkers);
        }
      } else if (choice < 11) {
        EXPECT_EQ(pool_->Update(RandomChange(dice)), absl::OkStatus());
      } else {
        const PoolStats stats = pool_->Stats();
        EXPECT_LE(stats.active, kMostWorkers);
        EXPECT_LE(stats.stuck, kMostWorkers);
      }
    }
  }
  void StopPatiently(Dice& dice) {
    static const std::array kTimeouts = {absl::ZeroDuration(), absl::Milliseconds(1),
                                         absl::Milliseconds(20), absl::Hours(1)};
    const size_t timeout = dice.Below(kTimeouts.size() + 1);
    const auto report =
        pool_->Stop(timeout == kTimeouts.size() ? std::nullopt : std::optional(kTimeouts[timeout]));
    ExpectFine(report.status());
    if (report.ok()) ExpectPlausible(*report);
  }
  static PoolChange RandomChange(Dice& dice) {
    PoolChange change;
    if (dice.Below(2) == 0) change.concurrency = 1 + static_cast<int>(dice.Below(kMostWorkers));
    if (dice.Below(2) == 0) change.task_identifiers = StressTasks::RandomTasks(dice);
    if (dice.Below(2) == 0) change.forbidden_flags = StressTasks::RandomFlags(dice);
    return change;
  }
  static void ExpectFine(const absl::Status& status) {
    EXPECT_THAT(status.code(), AnyOf(absl::StatusCode::kOk, absl::StatusCode::kFailedPrecondition))
        << status;
  }
  static void ExpectPlausible(const StopReport& report) {
    EXPECT_GE(report.finished, 0);
    EXPECT_GE(report.given_back, 0);
    EXPECT_GE(report.interrupted, 0);
    EXPECT_LE(report.still_running, kMostWorkers);
  }

  void Stress(absl::Duration time, uint64_t seed) {
    MakePool();
    std::vector<std::thread> threads;
    threads.emplace_back([this, seed] { Feed(Dice(seed)); });
    for (int i = 1; i <= kClients; ++i) {
      threads.emplace_back([this, seed, i] { Operate(Dice(seed * 1000 + i)); });
    }
    for (int i = 1; i <= kCancellers; ++i) {
      threads.emplace_back([this, seed, i] { EndSome(Dice(seed * 1000 + kClients + i)); });
    }
    EXPECT_FALSE(WaitForEnd(time));
    {
      MutexLock lock(mutex_);
      end_ = true;
      changed_.NotifyAll();
    }
    for (std::thread& thread : threads) thread.join();
  }
  // Whether the time of the stress is over, at the latest after `timeout`.
  bool WaitForEnd(absl::Duration timeout) {
    MutexLock lock(mutex_);
    return real_clock_.WaitFor(mutex_, changed_, timeout, [this] {
      mutex_.AssertHeld();
      return end_;
    });
  }

  // Lets the pool run, as it was at first, until no job is left that is to run.
  void RunToTheEnd() {
    const std::vector<std::string> none;
    ASSERT_EQ(pool_->Update({kConcurrency, none, none}), absl::OkStatus());
    ASSERT_TRUE(Eventually([this] {
      const absl::Status started = pool_->Start();
      if (started.ok()) ++starts_;
      const PoolStats stats = pool_->Stats();
      return stats.running && !stats.stopping;
    }));
    EXPECT_TRUE(Eventually(
        [this] {
          return schema_.Query(
                     "select exists (select from {schema}.ready) or exists (select from "
                     "{schema}.scheduled) or exists (select from {schema}.follower) or exists "
                     "(select from {schema}.claim)") == "f";
        },
        absl::Minutes(2)));
    ASSERT_TRUE(pool_->Stop(std::nullopt).ok());
  }

  RunLedger ledger_{kMostWorkers};
  CallersLedger callers_;
  StressTasks stress_tasks_{ledger_, schema_.name() + ".booking"};
  std::atomic<int> starts_ = 0;
  Mutex mutex_;
  CondVar changed_;
  bool end_ ABSL_GUARDED_BY(mutex_) = false;
};

TEST_F(PoolStressTest, EveryJobIsAccountedForWhateverManyClientsDoAtOnce) {
  const auto seed =
      static_cast<uint64_t>(Setting("POOL_STRESS_SEED", absl::ToUnixSeconds(absl::Now())));
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  Stress(absl::Seconds(Setting("POOL_STRESS_SECONDS", 5)), seed);
  ASSERT_NO_FATAL_FAILURE(RunToTheEnd());
  StressAudit audit(schema_, jobs_, events_, ledger_, callers_);
  audit.Check(pool_->Stats(), starts_);
  EXPECT_GT(starts_, 1);
  std::cout << "seed " << seed << ", starts " << starts_ << ", " << audit.Summary(pool_->Stats())
            << "\n";
}

}  // namespace
}  // namespace millrace
