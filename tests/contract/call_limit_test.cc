// What becomes of calls to the database whose callers wait no longer.

#include "server/store/call_limit.h"

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/store/postgres/postgres_job_store.h"
#include "tests/support/eventually.h"
#include "tests/support/test_schema.h"

namespace millrace {
namespace {

class CallLimitTest : public testing::Test {
 protected:
  static CallLimit Within(absl::Duration time_left) { return {time_left, nullptr}; }

  absl::Status Execute(const CallLimit& call, const std::string& sql) {
    return database_->Run("test", call, [&](PostgresConnection& connection) {
      pqxx::nontransaction(connection.raw()).exec(sql);
    });
  }
  // The session of the one connection.
  std::string Session(const CallLimit& call = {}) {
    std::string session;
    const absl::Status ran = database_->Run("test", call, [&](PostgresConnection& connection) {
      session =
          pqxx::nontransaction(connection.raw()).exec("select pg_backend_pid()")[0][0].c_str();
    });
    EXPECT_EQ(ran, absl::OkStatus());
    return session;
  }

  TestSchema schema_;
  SystemClock clock_;
  const std::unique_ptr<PostgresDatabase> database_ = *PostgresDatabase::Create(
      {.database_url = TestDatabaseUrl(), .schema = schema_.name(), .max_connections = 1},
      schema_.metrics(), clock_);
};

// Holds the one connection of a database until it is destroyed.
class Holder {
 public:
  explicit Holder(PostgresDatabase& database) {
    thread_ = std::thread([this, &database] {
      EXPECT_EQ(database.Run("hold", [this](PostgresConnection&) { Hold(); }), absl::OkStatus());
    });
    MutexLock lock(mutex_);
    while (!holds_) changed_.Wait(mutex_);
  }
  ~Holder() {
    {
      MutexLock lock(mutex_);
      released_ = true;
      changed_.NotifyAll();
    }
    thread_.join();
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

 private:
  void Hold() {
    MutexLock lock(mutex_);
    holds_ = true;
    changed_.NotifyAll();
    while (!released_) changed_.Wait(mutex_);
  }

  Mutex mutex_;
  CondVar changed_;
  bool holds_ ABSL_GUARDED_BY(mutex_) = false;
  bool released_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

TEST_F(CallLimitTest, AnUnlimitedOneIsNeverOver) {
  EXPECT_EQ(CallLimit().Check(), absl::OkStatus());
  EXPECT_EQ(CallLimit().time_left(), absl::InfiniteDuration());
  EXPECT_EQ(CallLimit(absl::InfiniteDuration(), nullptr).time_left(), absl::InfiniteDuration());
}

TEST_F(CallLimitTest, ACallThatIsOverIsNotSent) {
  bool sent = false;
  const auto send = [&](PostgresConnection&) { sent = true; };
  EXPECT_TRUE(absl::IsDeadlineExceeded(database_->Run("test", Within(absl::ZeroDuration()), send)));
  const CallLimit cancelled(absl::InfiniteDuration(), [] { return true; });
  EXPECT_TRUE(absl::IsCancelled(database_->Run("test", cancelled, send)));
  EXPECT_FALSE(sent);
}

TEST_F(CallLimitTest, ACallWaitsForAConnectionNoLongerThanItsCallerWaitsForIt) {
  const Holder holder(*database_);
  bool sent = false;
  EXPECT_TRUE(absl::IsDeadlineExceeded(database_->Run("test", Within(absl::Milliseconds(50)),
                                                      [&](PostgresConnection&) { sent = true; })));
  EXPECT_FALSE(sent);
}

TEST_F(CallLimitTest, ACallerThatGoesEndsTheWaitForAConnection) {
  const Holder holder(*database_);
  std::atomic<int> looks = 0;
  // Is still there at the first look.
  const CallLimit call(absl::InfiniteDuration(), [&] { return ++looks > 1; });
  EXPECT_TRUE(absl::IsCancelled(database_->Run("test", call, [](PostgresConnection&) {})));
}

TEST_F(CallLimitTest, TheDatabaseEndsAStatementAtTheDeadlineAndTheConnectionStays) {
  const std::string session = Session();
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(Execute(Within(absl::Milliseconds(100)), "select pg_sleep(3600)")));
  EXPECT_EQ(Session(), session);
  EXPECT_EQ(schema_.Query("select state from pg_stat_activity where pid = " + session), "idle");
}

TEST_F(CallLimitTest, ADeadlineOfOneCallIsNoneOfTheNext) {
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(Execute(Within(absl::Milliseconds(100)), "select pg_sleep(3600)")));
  EXPECT_EQ(Execute({}, "select pg_sleep(0.3)"), absl::OkStatus());
  EXPECT_EQ(Execute(Within(absl::Minutes(1)), "select pg_sleep(0.3)"), absl::OkStatus());
}

TEST_F(CallLimitTest, CallersWithTheSameDeadlineNeedNotTellTheirSessionAnew) {
  const auto timeout_after = [&](absl::Duration time_left) {
    std::string timeout;
    EXPECT_EQ(database_->Run("test", Within(time_left),
                             [&](PostgresConnection& connection) {
                               timeout = pqxx::nontransaction(connection.raw())
                                             .exec("show statement_timeout")[0][0]
                                             .c_str();
                             }),
              absl::OkStatus());
    return timeout;
  };
  EXPECT_EQ(timeout_after(absl::Milliseconds(9'990)), "10240ms");
  EXPECT_EQ(timeout_after(absl::Milliseconds(9'500)), "10240ms");
  EXPECT_EQ(timeout_after(absl::Hours(1)), "0");
}

// A database that does not keep to the timeout; here, since the statement has lifted it.
TEST_F(CallLimitTest, ACallThatTheDatabaseDoesNotEndIsCut) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(Execute(
      Within(absl::Milliseconds(100)), "set statement_timeout = 0; select pg_sleep(3600)")));
  EXPECT_EQ(Execute({}, "select 1"), absl::OkStatus());
}

TEST_F(CallLimitTest, AJobThatWaitsForItsKeyIsNotAddedAfterTheDeadline) {
  PostgresJobStore jobs(*database_, schema_.metrics());
  ASSERT_TRUE(jobs.AddJobs({{.task_identifier = "t"}}).ok());
  pqxx::connection application(TestDatabaseUrl());
  pqxx::work transaction(application);
  transaction.exec(absl::StrCat("select ", schema_.name(), ".add_job('t', job_key => 'k')"));
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      jobs.AddJobs({{.task_identifier = "t", .job_key = "k"}}, Within(absl::Milliseconds(100)))
          .status()));
  transaction.abort();
  EXPECT_EQ(schema_.Query("select count(*) from {schema}.job_key"), "0");
}

}  // namespace
}  // namespace millrace
