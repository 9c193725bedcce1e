// Starting and stopping a pool (contract A3 to A8), on real PostgreSQL and in real time.

#include <atomic>
#include <set>
#include <stdexcept>
#include <thread>

#include "server/base/named_thread.h"
#include "tests/pool/pool_on_postgres.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kLeases[] = "select count(*) from {schema}.worker where ended_at is null";
constexpr char kClaims[] = "select count(*) from {schema}.claim";

class PoolLifecycleOnPostgresTest : public PoolOnPostgres {
 public:
  ~PoolLifecycleOnPostgresTest() override {
    gate_.Open();
    pool_.reset();
  }

 protected:
  // Jobs that take no time, so that the pool measures that it needs many at once, and then some
  // that take as long as the test likes.
  static constexpr int kQuick = 1000;
  static constexpr int kSlow = 60;

  PoolLifecycleOnPostgresTest() : PoolOnPostgres(Time::kReal) {
    config_.poll_interval = absl::Milliseconds(100);
    begin_.Open();
    // Runs until the gate is open.
    tasks_.Add("slow", [this](TaskContext& context) {
      NoteBegin(context.job().id);
      gate_.Pass();
    });
    // Runs until it is asked to stop.
    tasks_.Add("asked", [this](TaskContext& context) {
      NoteBegin(context.job().id);
      context.WaitFor(absl::InfiniteDuration());
      throw std::runtime_error("asked to stop");
    });
  }

  std::vector<JobId> AddMany(const std::string& task, int count) {
    std::vector<JobId> ids;
    const auto added = jobs_.AddJobs(std::vector<JobSpec>(count, {.task_identifier = task}));
    EXPECT_TRUE(added.ok()) << added.status();
    for (const AddedJob& job : *added) ids.push_back(job.id);
    return ids;
  }

  // Starts a pool whose workers are both busy while more jobs wait in its local queue.
  void FillLocalQueue(const std::string& task = "slow") {
    AddMany("ok", kQuick);
    slow_ = AddMany(task, kSlow);
    StartPool();
    ASSERT_TRUE(begin_.WaitForArrivals(2));
    ASSERT_TRUE(Eventually([this] { return pool_->Stats().buffered > 0; }));
  }

  void NoteBegin(JobId id) {
    {
      MutexLock lock(mutex_);
      begun_.insert(id);
    }
    begin_.Pass();
  }
  // Of the slow jobs: those whose handlers have not begun.
  std::vector<JobId> NotBegun() {
    MutexLock lock(mutex_);
    std::vector<JobId> ids;
    for (const JobId id : slow_) {
      if (!begun_.contains(id)) ids.push_back(id);
    }
    return ids;
  }
  int CountHeld(const std::vector<JobId>& ids) {
    int held = 0;
    for (const JobId id : ids) held += Look(id).state == JobState::kHeld ? 1 : 0;
    return held;
  }
  // As if they had never been claimed.
  void ExpectUntouched(const std::vector<JobId>& ids) {
    for (const JobId id : ids) {
      EXPECT_EQ(Look(id).state, JobState::kReady) << id;
      EXPECT_EQ(Look(id).job.attempt, 0) << id;
      EXPECT_TRUE(jobs_.ListAttempts(id, 1)->empty()) << id;
    }
  }

  PoolEventData StopEvent() const {
    return std::get<PoolEventData>(events_.OfType(EventType::kPoolStop).at(0).data);
  }

  std::vector<JobId> slow_;
  // Open: it counts the handlers that have begun.
  Gate begin_;
  Mutex mutex_;
  std::set<JobId> begun_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(PoolLifecycleOnPostgresTest, AStartedPoolHasALeaseUnderItsIdentityUntilItStops) {
  StartPool();
  ASSERT_TRUE(Eventually([this] { return schema_.Query(kLeases) == "1"; }));
  EXPECT_EQ(schema_.Query("select concat_ws(',', worker_id, pool_name, host, pid, version, "
                          "lease_ttl_ms) from {schema}.worker"),
            "worker-id,pool-name,host,17,1.0,72000000");
  ASSERT_TRUE(pool_->Stop(std::nullopt).ok());
  EXPECT_EQ(schema_.Query(kLeases), "0");
  EXPECT_THAT(events_.Names(), ElementsAre("pool/start", "pool/stop"));
  EXPECT_FALSE(StopEvent().forced);
}

TEST_F(PoolLifecycleOnPostgresTest, StopGivesBackWhatIsBufferedAtOnceAndReportsWhatBecameOfAll) {
  ASSERT_NO_FATAL_FAILURE(FillLocalQueue());
  const std::vector<JobId> not_begun = NotBegun();
  EXPECT_GT(CountHeld(not_begun), 0);
  absl::StatusOr<StopReport> report;
  std::thread stopper = StartNamedThread("stopper", [&] { report = pool_->Stop(absl::Hours(1)); });
  // While the handlers are still running.
  EXPECT_TRUE(Eventually([&] { return CountHeld(not_begun) == 0; }));
  EXPECT_EQ(pool_->Stats().active, 2);
  gate_.Open();
  stopper.join();
  ASSERT_TRUE(report.ok()) << report.status();
  const PoolStats stats = pool_->Stats();
  EXPECT_EQ(stats.completed, kQuick + 2);
  EXPECT_EQ(report->finished, 2);
  EXPECT_GT(report->given_back, 0);
  EXPECT_EQ(report->given_back, stats.claimed - stats.completed);
  EXPECT_EQ(report->given_back, stats.given_back);
  EXPECT_EQ(report->interrupted, 0);
  EXPECT_EQ(report->still_running, 0);
  ExpectUntouched(not_begun);
  EXPECT_EQ(schema_.Query(kClaims), "0");
  EXPECT_EQ(schema_.Query(kLeases), "0");
}

TEST_F(PoolLifecycleOnPostgresTest, WhatWasGivenBackRunsAfterTheNextStartAsAFirstAttempt) {
  ASSERT_NO_FATAL_FAILURE(FillLocalQueue());
  gate_.Open();
  ASSERT_TRUE(pool_->Stop(absl::Hours(1)).ok());
  StartPool();
  ASSERT_TRUE(Eventually([this] { return pool_->Stats().completed == kQuick + kSlow; }));
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.attempt_outcome"),
            std::to_string(kQuick + kSlow));
  EXPECT_EQ(schema_.Query("select count(distinct job_id) from {schema}.attempt_outcome"),
            std::to_string(kQuick + kSlow));
  EXPECT_EQ(schema_.Query("select max(attempt) from {schema}.attempt_outcome"), "1");
  EXPECT_EQ(pool_->Stats().claimed, pool_->Stats().completed + pool_->Stats().given_back);
}

TEST_F(PoolLifecycleOnPostgresTest, ForceStopInterruptsWhatRunsAndGivesBackWhatIsBuffered) {
  ASSERT_NO_FATAL_FAILURE(FillLocalQueue("asked"));
  const std::vector<JobId> not_begun = NotBegun();
  EXPECT_EQ(*pool_->ForceStop(), 2);
  ASSERT_TRUE(pool_->WaitUntilStopped(absl::InfiniteDuration()));
  EXPECT_TRUE(StopEvent().forced);
  ExpectUntouched(not_begun);
  const PoolStats stats = pool_->Stats();
  EXPECT_EQ(stats.interrupted, 2);
  EXPECT_EQ(stats.failed, 0);
  EXPECT_EQ(stats.claimed, kQuick + 2 + stats.given_back);
  EXPECT_EQ(events_.OfType(EventType::kJobInterrupted).size(), 2u);
  EXPECT_EQ(schema_.Query("select sum(interruptions) from {schema}.job_memory"), "2");
  EXPECT_EQ(schema_.Query(kClaims), "0");
  EXPECT_EQ(schema_.Query(kLeases), "0");
}

TEST_F(PoolLifecycleOnPostgresTest, StopAsksHandlersToStopWhenItsTimeoutHasPassed) {
  AddMany("asked", 2);
  StartPool();
  ASSERT_TRUE(begin_.WaitForArrivals(2));
  const absl::StatusOr<StopReport> report = pool_->Stop(absl::ZeroDuration());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->interrupted, 2);
  EXPECT_EQ(report->finished, 0);
  EXPECT_TRUE(StopEvent().forced);
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.ready where attempts = 0"), "2");
}

TEST_F(PoolLifecycleOnPostgresTest, StopMayLeaveBufferedJobsLockedUntilTheLeaseEnds) {
  config_.keep_undispatched_locked = true;
  ASSERT_NO_FATAL_FAILURE(FillLocalQueue());
  const std::vector<JobId> not_begun = NotBegun();
  const WorkerNumber worker = OwnWorker();
  std::thread stopper = StartNamedThread("stopper", [&] { (void)pool_->Stop(absl::Hours(1)); });
  EXPECT_TRUE(Eventually([this] { return pool_->Stats().buffered == 0; }));
  gate_.Open();
  stopper.join();
  const int locked = CountHeld(not_begun);
  EXPECT_GT(locked, 0);
  EXPECT_EQ(pool_->Stats().given_back, 0);
  EXPECT_EQ(schema_.Query(kLeases), "1");
  EXPECT_EQ(store_.Rescue(worker)->size(), static_cast<size_t>(locked));
  EXPECT_EQ(CountHeld(not_begun), 0);
}

TEST_F(PoolLifecycleOnPostgresTest, AStragglerKeepsItsJobAndItsLeaseAndThePoolFromStarting) {
  config_.stop_grace = absl::Milliseconds(100);
  const JobId id = Add({.task_identifier = "stubborn"});
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  const absl::StatusOr<StopReport> report = pool_->Stop(absl::ZeroDuration());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->still_running, 1);
  EXPECT_EQ(pool_->Stats().stuck, 1);
  EXPECT_EQ(JobEvents(EventType::kWorkerStuck).at(0).job_id, id);
  EXPECT_EQ(Look(id).state, JobState::kHeld);
  EXPECT_EQ(schema_.Query(kLeases), "1");
  EXPECT_THAT(std::string(pool_->Start().message()),
              HasSubstr(absl::StrCat("job ", id, " (stubborn)")));
  gate_.Open();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(Look(id).state, JobState::kCompleted);
  ASSERT_TRUE(Eventually([this] { return pool_->Start().ok(); }));
}

TEST_F(PoolLifecycleOnPostgresTest, APoolFindsItsWorkByPollingAlone) {
  StartPool();
  ASSERT_TRUE(Eventually(
      [this] { return schema_.Query("select count(*) from {schema}.worker where idle") == "1"; }));
  const JobId id = AddInLine({.task_identifier = "ok"});
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(Look(id).state, JobState::kCompleted);
}

TEST_F(PoolLifecycleOnPostgresTest, APoolThatIsStartedLaterGetsWhatAnotherHadBufferedWithinTheTtl) {
  config_.queue_ttl = absl::Seconds(1);
  ASSERT_NO_FATAL_FAILURE(FillLocalQueue());
  config_.concurrency = kSlow;
  EventEmitter other_events{"other", real_clock_, metrics_, {}};
  WorkerPool other(store_, tasks_, other_events, metrics_, real_clock_, config_,
                   WorkerIdentity{"other", "other", "host", 18, "1.0"});
  const absl::Duration began = real_clock_.Monotonic();
  ASSERT_EQ(other.Start(), absl::OkStatus());
  // All but the two that the first one runs.
  ASSERT_TRUE(begin_.WaitForArrivals(kSlow));
  EXPECT_LT(real_clock_.Monotonic() - began, config_.queue_ttl + absl::Seconds(5));
  EXPECT_GT(pool_->Stats().stale_returned, 0);
  EXPECT_EQ(pool_->Stats().given_back, pool_->Stats().stale_returned);
  EXPECT_EQ(pool_->Stats().buffered, 0);
  gate_.Open();
  ASSERT_TRUE(Eventually(
      [&] { return pool_->Stats().completed + other.Stats().completed == kQuick + kSlow; }));
  EXPECT_EQ(schema_.Query("select max(attempt) from {schema}.attempt_outcome"), "1");
}

TEST_F(PoolLifecycleOnPostgresTest, JobsOfASerialQueueDoNotOverlapOverTwoPools) {
  constexpr int kJobs = 100;
  std::atomic<int> running = 0;
  std::atomic<int> most_at_once = 0;
  tasks_.Add("serial", [&](TaskContext&) {
    const int now = ++running;
    if (now > most_at_once) most_at_once = now;
    --running;
  });
  jobs_.AddJobs(std::vector<JobSpec>(kJobs, {.task_identifier = "serial", .queue_name = "q"}))
      .IgnoreError();
  EventEmitter other_events{"other", real_clock_, metrics_, {}};
  WorkerPool other(store_, tasks_, other_events, metrics_, real_clock_, config_,
                   WorkerIdentity{"other", "other", "host", 18, "1.0"});
  ASSERT_EQ(other.Start(), absl::OkStatus());
  StartPool();
  ASSERT_TRUE(
      Eventually([&] { return pool_->Stats().completed + other.Stats().completed == kJobs; }));
  EXPECT_EQ(most_at_once, 1);
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.attempt_outcome"), std::to_string(kJobs));
}

}  // namespace
}  // namespace millrace
