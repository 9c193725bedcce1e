#include "gtest/gtest.h"
#include "server/base/clock.h"
#include "server/store/postgres/postgres_pool_store.h"
#include "server/store/postgres/postgres_wakeup_listener.h"
#include "tests/support/eventually.h"
#include "tests/support/test_schema.h"

namespace millrace {
namespace {

// Counts calls; waits for them with a deadline. Thread-safe.
class CallCounter {
 public:
  void Call() {
    MutexLock lock(mutex_);
    ++calls_;
    changed_.NotifyAll();
  }
  // Whether there were more than `calls` within a minute.
  bool WaitForMoreThan(int calls) {
    MutexLock lock(mutex_);
    return clock_.WaitFor(mutex_, changed_, absl::Minutes(1), [&] {
      mutex_.AssertHeld();
      return calls_ > calls;
    });
  }
  int calls() {
    MutexLock lock(mutex_);
    return calls_;
  }

 private:
  SystemClock clock_;
  Mutex mutex_;
  CondVar changed_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
};

class WakeupListenerTest : public testing::Test {
 protected:
  void AddWhileIdle() {
    schema_.Query(
        "insert into {schema}.worker (worker_id, pool_name, host, pid, version, lease_ttl_ms, "
        "idle) "
        "values ('w', 'p', 'h', 1, 'v', 1000, true)");
    schema_.Query("select {schema}.add_job('t')");
  }

  SystemClock real_;
  const absl::Duration began_ = real_.Monotonic();
  TestSchema schema_;
  CallCounter counter_, cancelled_;
  PostgresWakeupListener listener_{schema_.database(),
                                   {[this] { counter_.Call(); }, [this] { cancelled_.Call(); }}};
};

TEST_F(WakeupListenerTest, AnAddedJobCallsBack) {
  ASSERT_TRUE(listener_.Start().ok());
  ASSERT_TRUE(counter_.WaitForMoreThan(0));  // it listens
  const int before = counter_.calls();
  AddWhileIdle();
  EXPECT_TRUE(counter_.WaitForMoreThan(before));
}

TEST_F(WakeupListenerTest, ACancelledJobCallsBackOnlyIfAPoolHoldsIt) {
  ASSERT_TRUE(listener_.Start().ok());
  ASSERT_TRUE(cancelled_.WaitForMoreThan(0));  // it listens
  const int before = cancelled_.calls();
  schema_.Query("select {schema}.cancel_jobs(array[id], 'no') from {schema}.add_job('t')");
  AddWhileIdle();  // a notification that comes after one of the cancelled would have come
  ASSERT_TRUE(counter_.WaitForMoreThan(1));
  EXPECT_EQ(cancelled_.calls(), before);
  PostgresPoolStore store(schema_.database());
  const auto claimed = store.Claim({.worker = 1, .number = 1, .max_jobs = 1});
  ASSERT_TRUE(claimed.ok()) << claimed.status();
  ASSERT_EQ(claimed->size(), 1u);
  schema_.Query("select {schema}.cancel_jobs(array[" + std::to_string(claimed->front().job.id) +
                "], 'no')");
  EXPECT_TRUE(cancelled_.WaitForMoreThan(before));
}

TEST_F(WakeupListenerTest, ItListensAgainAfterItsConnectionWasCut) {
  ASSERT_TRUE(listener_.Start().ok());
  ASSERT_TRUE(counter_.WaitForMoreThan(0));
  int before = counter_.calls();
  schema_.Query(
      "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen "
      "%{schema}_cancelled%'");  // the last that it has said
  ASSERT_TRUE(counter_.WaitForMoreThan(
      before));  // it has looked again, since something may have been missed
  before = counter_.calls();
  AddWhileIdle();
  EXPECT_TRUE(counter_.WaitForMoreThan(before));
}

TEST_F(WakeupListenerTest, WhereListeningNeverLastsItIsTriedLessAndLessOften) {
  ASSERT_TRUE(listener_.Start().ok());
  // It calls back once for each connection.
  for (int connections = 1; connections <= 4; ++connections) {
    ASSERT_TRUE(counter_.WaitForMoreThan(connections - 1));
    if (connections == 4) break;
    EXPECT_TRUE(Eventually([this] {
      return schema_.Query(
                 "select count(pg_terminate_backend(pid)) > 0 from pg_stat_activity where query "
                 "ilike 'listen %{schema}_cancelled%'") == "t";
    }));
  }
  // 200, 400 and 800 ms after each other, at least.
  EXPECT_GE(real_.Monotonic() - began_, absl::Milliseconds(1400));
}

TEST_F(WakeupListenerTest, ItCannotBeStartedTwiceOrAfterItsStop) {
  ASSERT_TRUE(listener_.Start().ok());
  EXPECT_EQ(listener_.Start().code(), absl::StatusCode::kFailedPrecondition);
  listener_.RequestStop();
  listener_.Join();
  EXPECT_EQ(listener_.Start().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace millrace
