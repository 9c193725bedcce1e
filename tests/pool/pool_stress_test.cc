// Start, Stop and ForceStop from many clients at once while jobs of mixed behaviour run, and the
// account of every job afterwards (contract A3 to A8), on real PostgreSQL. POOL_STRESS_SECONDS says
// for how long, POOL_STRESS_SEED how the dice fall.

#include <array>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include "tests/fault/storage_checks.h"
#include "tests/pool/pool_on_postgres.h"
#include "tests/pool/run_ledger.h"

namespace millrace {
namespace {

using ::testing::AnyOf;
using ::testing::IsEmpty;

constexpr int kConcurrency = 4;
constexpr int kClients = 6;
// The feed still holds the events of so many.
constexpr int kMostJobs = 15'000;

int64_t Setting(const char* name, int64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::atoll(value);
}

// Random numbers for one thread.
class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  int64_t Below(int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random_);
  }

 private:
  std::mt19937_64 random_;
};

class PoolStressTest : public PoolOnPostgres {
 public:
  ~PoolStressTest() override { pool_.reset(); }

 protected:
  PoolStressTest() : PoolOnPostgres(Time::kReal) {
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
    AddTasks();
  }

  void AddTask(const std::string& name, const std::function<TaskResult(TaskContext&)>& act) {
    tasks_.Add(name, [this, act](TaskContext& context) {
      const RunLedger::Run run(ledger_, context.job());
      return act(context);
    });
  }
  void AddTasks() {
    AddTask("quick", [](TaskContext&) { return TaskResult::Success(); });
    AddTask("patient", [](TaskContext& context) {
      if (!context.WaitFor(absl::Milliseconds(context.job().id % 30))) {
        throw std::runtime_error("asked to stop");
      }
      return TaskResult::Success("1");
    });
    AddTask("partial", [](TaskContext& context) {
      if (context.last_partial_success().has_value()) return TaskResult::Success();
      return TaskResult::PartiallyDone({{"first"}, {}, "second", "{}"});
    });
    AddTask("failing", [](TaskContext&) { return TaskResult::Fail("as always"); });
    AddTask("snoozing", [this](TaskContext& context) {
      if (ledger_.CountRunsOf(context.job().id) > 1) return TaskResult::Success();
      return TaskResult::Snooze(absl::Milliseconds(5));
    });
    // Longer than the grace, whatever it is asked: a straggler.
    AddTask("deaf", [this](TaskContext& context) {
      Mutex mutex;
      CondVar nobody_notifies;
      MutexLock lock(mutex);
      real_clock_.WaitFor(mutex, nobody_notifies, absl::Milliseconds(context.job().id % 30),
                          [] { return false; });
      return TaskResult::Success();
    });
  }

  static JobSpec RandomSpec(Dice& dice) {
    static const std::array kTasks = {"quick", "patient", "partial", "failing", "snoozing", "deaf"};
    JobSpec spec;
    spec.task_identifier = kTasks[dice.Below(kTasks.size())];
    spec.priority = static_cast<int>(dice.Below(3));
    spec.max_attempts = spec.task_identifier == "failing" ? 2 : 25;
    if (dice.Below(4) == 0) spec.max_attempts = 1;
    if (dice.Below(4) == 0) spec.queue_name = absl::StrCat("queue", dice.Below(5));
    return spec;
  }
  // Adds jobs as long as there is time, but not far more than the pool runs.
  void Feed(Dice dice) {
    while (added_ < kMostJobs && !WaitForEnd(absl::Milliseconds(20))) {
      const std::string waiting = schema_.Query(
          "select (select count(*) from {schema}.ready) + (select count(*) from {schema}.scheduled)"
          " + (select count(*) from {schema}.follower)");
      if (std::stoi(waiting) > 300) continue;
      std::vector<JobSpec> specs;
      for (int i = 0; i < 50; ++i) specs.push_back(RandomSpec(dice));
      const auto result = jobs_.AddJobs(specs);
      ASSERT_TRUE(result.ok()) << result.status();
      added_ += static_cast<int>(specs.size());
    }
  }

  // What one client does; each answer must be one that the contract knows.
  void Operate(Dice dice) {
    static const std::array kTimeouts = {absl::ZeroDuration(), absl::Milliseconds(1),
                                         absl::Milliseconds(20), absl::Hours(1)};
    while (!WaitForEnd(absl::Milliseconds(dice.Below(120)))) {
      const int64_t choice = dice.Below(10);
      if (choice < 6) {
        const absl::Status started = pool_->Start();
        if (started.ok()) ++starts_;
        ExpectFine(started);
      } else if (choice < 8) {
        const size_t timeout = dice.Below(kTimeouts.size() + 1);
        const auto report = pool_->Stop(
            timeout == kTimeouts.size() ? std::nullopt : std::optional(kTimeouts[timeout]));
        ExpectFine(report.status());
        if (report.ok()) ExpectPlausible(*report);
      } else if (choice < 9) {
        const auto asked = pool_->ForceStop();
        ExpectFine(asked.status());
        if (asked.ok()) {
          EXPECT_LE(*asked, kConcurrency);
        }
      } else {
        const PoolStats stats = pool_->Stats();
        EXPECT_LE(stats.active, kConcurrency);
        EXPECT_LE(stats.stuck, kConcurrency);
      }
    }
  }
  static void ExpectFine(const absl::Status& status) {
    EXPECT_THAT(status.code(), AnyOf(absl::StatusCode::kOk, absl::StatusCode::kFailedPrecondition))
        << status;
  }
  static void ExpectPlausible(const StopReport& report) {
    EXPECT_GE(report.finished, 0);
    EXPECT_GE(report.given_back, 0);
    EXPECT_GE(report.interrupted, 0);
    EXPECT_LE(report.still_running, kConcurrency);
  }

  void Stress(absl::Duration time, uint64_t seed) {
    MakePool();
    std::vector<std::thread> threads;
    threads.emplace_back([this, seed] { Feed(Dice(seed)); });
    for (int i = 1; i <= kClients; ++i) {
      threads.emplace_back([this, seed, i] { Operate(Dice(seed * 1000 + i)); });
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

  // Lets the pool run until no job is left that is to run.
  void RunToTheEnd() {
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

  int64_t CountIn(const std::string& table_and_condition) {
    return std::stoll(schema_.Query("select count(*) from {schema}." + table_and_condition));
  }
  int64_t CountOutcomes(const std::string& letter) {
    return CountIn("attempt_outcome where outcome = '" + letter + "'");
  }
  int64_t CountEvents(EventType type) const {
    return static_cast<int64_t>(events_.OfType(type).size());
  }

  // In the tables.
  void ExpectEveryJobEndedOnce() {
    EXPECT_THAT(FindViolations(schema_.database()), IsEmpty());
    EXPECT_EQ(CountIn("job"), added_);
    EXPECT_EQ(CountIn("attempt_outcome where final") + CountIn("exhausted"), added_);
    EXPECT_EQ(CountIn("worker where ended_at is null"), 0);
  }
  // As many as its handler has run, no more and no less.
  void ExpectOneRecordForEachRun() {
    EXPECT_THAT(ledger_.violations(), IsEmpty());
    int64_t runs = 0;
    for (const auto& [id, count] : ledger_.runs()) {
      runs += count;
      const auto records = jobs_.ListAttempts(id, 1000);
      ASSERT_TRUE(records.ok()) << records.status();
      EXPECT_EQ(records->size(), static_cast<size_t>(count)) << "job " << id;
    }
    EXPECT_EQ(runs, CountIn("attempt_outcome"));
  }
  void ExpectCountersToAddUp() {
    const PoolStats stats = pool_->Stats();
    EXPECT_EQ(stats.completed, CountOutcomes("c") + CountOutcomes("p"));
    EXPECT_EQ(stats.failed, CountOutcomes("f"));
    EXPECT_EQ(stats.interrupted, CountOutcomes("i"));
    EXPECT_EQ(stats.claimed, CountIn("attempt_outcome") + stats.given_back);
    EXPECT_LE(stats.stale_returned, stats.given_back);
    EXPECT_EQ(stats.errors, 0);
    EXPECT_EQ(stats.active + stats.buffered + stats.stuck, 0);
  }
  void ExpectEventsToTellTheSame() {
    EXPECT_EQ(CountEvents(EventType::kJobCompleted), CountOutcomes("c"));
    EXPECT_EQ(CountEvents(EventType::kJobPartialSuccess), CountOutcomes("p"));
    EXPECT_EQ(CountEvents(EventType::kJobInterrupted), CountOutcomes("i"));
    EXPECT_EQ(CountEvents(EventType::kJobSnoozed), CountOutcomes("s"));
    EXPECT_EQ(CountEvents(EventType::kJobExhausted), CountIn("exhausted"));
    EXPECT_EQ(CountEvents(EventType::kJobFailed),
              CountIn("attempt_outcome where outcome = 'f' and attempt < "
                      "(select max_attempts from {schema}.job where id = job_id)"));
    EXPECT_EQ(CountEvents(EventType::kJobStaleOutcome), 0);
    EXPECT_EQ(CountEvents(EventType::kPoolStart), starts_);
    EXPECT_EQ(CountEvents(EventType::kPoolStop), starts_);
  }

  RunLedger ledger_{kConcurrency};
  std::atomic<int> added_ = 0;
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
  ExpectEveryJobEndedOnce();
  ExpectOneRecordForEachRun();
  ExpectCountersToAddUp();
  ExpectEventsToTellTheSame();
  EXPECT_GT(starts_, 1);
  std::cout << "seed " << seed << ", jobs " << added_ << ", runs " << CountIn("attempt_outcome")
            << ", starts " << starts_ << ", given back " << pool_->Stats().given_back
            << ", interrupted " << pool_->Stats().interrupted << "\n";
}

}  // namespace
}  // namespace millrace
