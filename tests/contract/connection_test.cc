// What the way to the database does when that is away, stands still or is not what it should be.

#include <sys/socket.h>

#include <functional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/postgres/connection_string.h"
#include "server/store/postgres/postgres_job_store.h"
#include "server/store/postgres/postgres_pool_store.h"
#include "tests/support/eventually.h"
#include "tests/support/test_schema.h"

namespace millrace {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ConnectionTest : public testing::Test {
 protected:
  std::unique_ptr<PostgresDatabase> OpenAt(const std::string& url) {
    return *PostgresDatabase::Create({.database_url = url, .schema = schema_.name()},
                                     schema_.metrics(), clock_);
  }
  static absl::Status Execute(PostgresDatabase& database, const std::string& sql) {
    return database.Run("test", [&](PostgresConnection& connection) {
      pqxx::nontransaction(connection.raw()).exec(sql);
    });
  }

  TestSchema schema_;
  SystemClock clock_;
};

TEST(ConnectionStringTest, LimitsComeBeforeWhatIsGivenSoThatThatWins) {
  EXPECT_THAT(WithConnectionLimits("host=db connect_timeout=60"),
              AllOf(StartsWith("connect_timeout=5 "), EndsWith(" host=db connect_timeout=60")));
  EXPECT_THAT(
      WithConnectionLimits("postgres://u@db/d?connect_timeout=60"),
      AllOf(StartsWith("postgres://u@db/d?connect_timeout=5&"), EndsWith("&connect_timeout=60")));
}

TEST(ConnectionStringTest, AUriWithoutParametersGetsThem) {
  EXPECT_THAT(WithConnectionLimits("postgresql://db/d"),
              StartsWith("postgresql://db/d?connect_timeout=5&"));
  EXPECT_THAT(WithConnectionLimits("postgresql://db/d?"), EndsWith("=30000"));
}

TEST(ConnectionStringTest, AQuestionMarkInAPasswordBeginsNoParameters) {
  EXPECT_THAT(WithConnectionLimits("postgresql://u:a?b@db/d"),
              StartsWith("postgresql://u:a?b@db/d?connect_timeout=5&"));
}

TEST_F(ConnectionTest, AUriAndAConnectionStringBothConnect) {
  std::string folder = TestDatabaseUrl();
  folder = folder.substr(folder.find('/'), folder.find(' ') - folder.find('/'));
  for (const std::string& url :
       {TestDatabaseUrl(), absl::StrCat("postgresql:///postgres?user=millrace&host=", folder)}) {
    EXPECT_EQ(Execute(*OpenAt(url), "select 1"), absl::OkStatus()) << url;
  }
}

TEST_F(ConnectionTest, ClosingBreaksOffACallThatIsNotAnswered) {
  const auto database = OpenAt(TestDatabaseUrl());
  absl::Status status;
  std::thread caller([&] { status = Execute(*database, "select pg_sleep(3600)"); });
  EXPECT_TRUE(Eventually([&] {
    return schema_.Query(
               "select count(*) from pg_stat_activity where query = "
               "'select pg_sleep(3600)'") == "1";
  }));
  EXPECT_FALSE(database->did_not_answer());
  database->CloseIn(absl::ZeroDuration());
  caller.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_TRUE(database->did_not_answer());
}

TEST_F(ConnectionTest, NothingIsCalledAnyMoreOnceItIsClosed) {
  const auto database = OpenAt(TestDatabaseUrl());
  ASSERT_EQ(Execute(*database, "select 1"), absl::OkStatus());
  database->CloseIn(absl::ZeroDuration());
  EXPECT_EQ(Execute(*database, "select 1").code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(Execute(*database, "select 1").message()), HasSubstr("stopping"));
  // Nobody was kept waiting.
  EXPECT_FALSE(database->did_not_answer());
}

TEST_F(ConnectionTest, ALostConnectionIsSaidSo) {
  const absl::Status status = schema_.database().Run("test", [](PostgresConnection& connection) {
    shutdown(connection.raw().sock(), SHUT_RDWR);
    pqxx::nontransaction transaction(connection.raw());
    connection.Execute(transaction, "Ping");
  });
  EXPECT_EQ(status, absl::UnavailableError("the connection to the database was lost"));
}

// A connection that libpqxx opened by itself in the place of a lost one would lack the settings
// that the statements rely on.
class LostTransactionTest : public ConnectionTest {
 protected:
  // Loses the connection as `lose` does, then runs a transaction on it that must not succeed.
  void ExpectNoOtherConnection(const std::function<void(PostgresConnection&)>& lose) {
    const auto database = OpenAt(TestDatabaseUrl());
    bool ran = false;
    const absl::Status status = database->Run("test", [&](PostgresConnection& connection) {
      lose(connection);
      pqxx::work transaction(connection.raw());
      transaction.exec("select 1");
      ran = true;
      transaction.commit();
    });
    EXPECT_FALSE(ran);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    // The next call has one with all settings.
    std::string plans;
    EXPECT_EQ(database->Run("test",
                            [&](PostgresConnection& connection) {
                              pqxx::work transaction(connection.raw());
                              plans = transaction.exec("show plan_cache_mode")[0][0].c_str();
                            }),
              absl::OkStatus());
    EXPECT_EQ(plans, "force_generic_plan");
  }
  void Terminate(PostgresConnection& connection) {
    schema_.Query(
        absl::StrCat("select pg_terminate_backend(", connection.raw().backendpid(), ", 60000)"));
  }
};

TEST_F(LostTransactionTest, OfATerminatedBackendDoesNotRunOnAnotherConnection) {
  ExpectNoOtherConnection([this](PostgresConnection& connection) { Terminate(connection); });
}

TEST_F(LostTransactionTest, OfACutSocketDoesNotRunOnAnotherConnection) {
  ExpectNoOtherConnection(
      [](PostgresConnection& connection) { shutdown(connection.raw().sock(), SHUT_RDWR); });
}

TEST_F(LostTransactionTest, AfterTheLossWasNoticedDoesNotRunOnAnotherConnection) {
  ExpectNoOtherConnection([this](PostgresConnection& connection) {
    Terminate(connection);
    for (int tries = 0; tries < 2; ++tries)
      EXPECT_ANY_THROW(pqxx::work(connection.raw()).exec("select 1"));
  });
}

// FAILED_PRECONDITION would tell the pool that others have ended its lease.
TEST_F(ConnectionTest, AMissingTableIsNoEndedLease) {
  PostgresPoolStore store(schema_.database());
  const WorkerNumber worker = *store.RegisterWorker({.worker_id = "w",
                                                     .pool_name = "p",
                                                     .host = "h",
                                                     .pid = 1,
                                                     .version = "1",
                                                     .lease_ttl = absl::Seconds(15)});
  schema_.Query("alter table {schema}.worker rename to elsewhere");
  for (const absl::Status& status : {store.Heartbeat(worker), store.AnnounceIdle(worker, true)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("schema does not fit"));
  }
  schema_.Query("alter table {schema}.elsewhere rename to worker");
  EXPECT_EQ(store.Heartbeat(worker), absl::OkStatus());
}

TEST_F(ConnectionTest, APingNoticesADatabaseThatIsReadOnly) {
  const auto database =
      OpenAt(TestDatabaseUrl() + " options='-c default_transaction_read_only=on'");
  const absl::Status status = PostgresJobStore(*database, schema_.metrics()).Ping();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("read-only"));
}

}  // namespace
}  // namespace millrace
