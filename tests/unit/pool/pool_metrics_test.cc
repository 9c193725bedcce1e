// The metrics of a pool, as a Prometheus server sees them.

#include "server/metrics/prometheus/prometheus_metrics_registry.h"
#include "tests/unit/pool/pool_fixture.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

class PoolMetricsTest : public PoolFixture {
 protected:
  // The pool ends before its metrics.
  void TearDown() override {
    gate_.Open();
    pool_.reset();
  }

  void StartMeasuredPool() {
    pool_ = std::make_unique<WorkerPool>(store_, tasks_, emitter_, prometheus_, clock_, config_,
                                         WorkerIdentity{"worker-id", "pool-name", "host", 17, ""});
    StartPool();
  }

  bool ComesToShow(const std::string& text) {
    return Eventually([&] { return prometheus_.Render().find(text) != std::string::npos; });
  }

  PrometheusMetricsRegistry prometheus_;
};

TEST_F(PoolMetricsTest, OutcomesAreCountedByTask) {
  store_.AddTask("ok");
  store_.AddTask("ok");
  store_.AddTask("fail");
  store_.AddTask("fail", /*max_attempts=*/1);
  StartMeasuredPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted, 2));
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  ASSERT_TRUE(events_.WaitFor(EventType::kJobExhausted));
  const std::string text = prometheus_.Render();
  EXPECT_THAT(text,
              HasSubstr("millrace_jobs_finished_total{outcome=\"completed\",task=\"ok\"} 2\n"));
  EXPECT_THAT(text,
              HasSubstr("millrace_jobs_finished_total{outcome=\"failed\",task=\"fail\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("millrace_jobs_finished_total{outcome=\"exhausted\",task=\"fail\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("millrace_jobs_retried_total{task=\"fail\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("millrace_jobs_claimed_total 4\n"));
  EXPECT_THAT(text, HasSubstr("millrace_job_duration_seconds_count{task=\"ok\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("millrace_job_queue_time_seconds_count{task=\"fail\"} 2\n"));
}

TEST_F(PoolMetricsTest, UnknownTasksMakeNoMetricsOfTheirOwn) {
  config_.claim_unknown_tasks = true;
  store_.AddTask("a name from outside");
  StartMeasuredPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobExhausted));
  const std::string text = prometheus_.Render();
  EXPECT_THAT(text, HasSubstr("outcome=\"exhausted\",task=\"(unregistered)\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("a name from outside")));
}

TEST_F(PoolMetricsTest, LeaseAndClaimLoopAreShownAsTimes) {
  StartMeasuredPool();
  ASSERT_TRUE(WaitUntilIdle());
  const std::string text = prometheus_.Render();
  EXPECT_THAT(text, HasSubstr("millrace_claim_loop_last_tick_timestamp_seconds 17200000"));
  EXPECT_THAT(text, HasSubstr("millrace_lease_expires_timestamp_seconds 17200720"));
}

// A time that has passed would raise an alert.
TEST_F(PoolMetricsTest, APoolThatWasStoppedShowsNeitherALeaseNorAClaimLoop) {
  StartMeasuredPool();
  ASSERT_TRUE(WaitUntilIdle());
  ASSERT_TRUE(pool_->Stop(std::nullopt).ok());
  std::string text = prometheus_.Render();
  EXPECT_THAT(text, HasSubstr("millrace_claim_loop_last_tick_timestamp_seconds 0\n"));
  EXPECT_THAT(text, HasSubstr("millrace_lease_expires_timestamp_seconds 0\n"));
  ASSERT_EQ(pool_->Start(), absl::OkStatus());
  ASSERT_TRUE(WaitUntilIdle());
  text = prometheus_.Render();
  EXPECT_THAT(text, HasSubstr("millrace_claim_loop_last_tick_timestamp_seconds 17200000"));
  EXPECT_THAT(text, HasSubstr("millrace_lease_expires_timestamp_seconds 17200720"));
}

TEST_F(PoolMetricsTest, TheLeaseOfAStoppedPoolIsShownWhileAStragglerNeedsIt) {
  config_.stop_grace = absl::ZeroDuration();
  store_.AddTask("stubborn");
  StartMeasuredPool();
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  ASSERT_TRUE(pool_->Stop(absl::ZeroDuration()).ok());
  EXPECT_TRUE(ComesToShow("millrace_claim_loop_last_tick_timestamp_seconds 0\n"));
  EXPECT_THAT(prometheus_.Render(), HasSubstr("millrace_lease_expires_timestamp_seconds 17200720"));
  gate_.Open();
  EXPECT_TRUE(ComesToShow("millrace_lease_expires_timestamp_seconds 0\n"));
}

TEST_F(PoolMetricsTest, APoolThatHasHadNoAnswerShowsSinceWhenItRuns) {
  store_.Fail(Call::kRegister, absl::UnavailableError("away"), FakePoolStore::kAlways);
  StartMeasuredPool();
  EXPECT_TRUE(ComesToShow("millrace_claim_loop_last_tick_timestamp_seconds 17200000"));
  EXPECT_TRUE(ComesToShow("millrace_lease_expires_timestamp_seconds 17200000"));
}

TEST_F(PoolMetricsTest, WorkerSlotsAreShownByState) {
  store_.AddTask("stubborn");
  StartMeasuredPool();
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  // The claim loop brings the gauges up to date when it comes round.
  EXPECT_TRUE(Eventually([this] {
    clock_.Advance(config_.poll_interval);
    const std::string text = prometheus_.Render();
    return text.find("millrace_worker_slots{state=\"busy\"} 1\n") != std::string::npos &&
           text.find("millrace_worker_slots{state=\"idle\"} 1\n") != std::string::npos;
  }));
}

}  // namespace
}  // namespace millrace
