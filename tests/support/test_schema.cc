#include "tests/support/test_schema.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <iostream>

#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "server/store/postgres/migrator.h"

namespace millrace {

std::string TestDatabaseUrl() {
  const char* url = std::getenv("MILLRACE_TEST_DATABASE_URL");
  if (url == nullptr) {
    std::cerr << "MILLRACE_TEST_DATABASE_URL is not set; run the tests with ctest\n";
    std::exit(1);
  }
  return url;
}

TestSchema::TestSchema() {
  static std::atomic<int> count = 0;
  name_ = "test_" + std::to_string(getpid()) + "_" + std::to_string(++count);
  // The limit is of a busy machine, on which a look at all tables may take a minute.
  database_ = *PostgresDatabase::Create(
      {.database_url = TestDatabaseUrl(), .schema = name_, .call_limit = absl::Minutes(5)},
      metrics_, clock_);
  const absl::Status migrated = Migrator(*database_).Migrate();
  EXPECT_TRUE(migrated.ok()) << migrated;
}

TestSchema::~TestSchema() { Query("drop schema {schema} cascade"); }

std::string TestSchema::Query(const std::string& sql) {
  std::string first;
  const absl::Status ran = database_->Run("test", [&](PostgresConnection& connection) {
    pqxx::nontransaction transaction(connection.raw());
    const pqxx::result rows = transaction.exec(absl::StrReplaceAll(sql, {{"{schema}", name_}}));
    if (!rows.empty() && rows.columns() > 0) first = rows[0][0].c_str();
  });
  EXPECT_TRUE(ran.ok()) << ran << "\n" << sql;
  return first;
}

}  // namespace millrace
