#pragma once

#include <memory>
#include <string>

#include "server/base/clock.h"
#include "server/metrics/null_metrics_registry.h"
#include "server/store/postgres/postgres_database.h"

namespace millrace {

// The connection string of the cluster that the database tests run on (MILLRACE_TEST_DATABASE_URL,
// which CTest sets). Ends the test binary if it is not set: a test that cannot run has failed.
std::string TestDatabaseUrl();

// A migrated schema of its own in the test cluster, dropped at the end. Used from one thread; what
// database() gives is thread-safe.
class TestSchema {
 public:
  TestSchema();
  ~TestSchema();
  TestSchema(const TestSchema&) = delete;
  TestSchema& operator=(const TestSchema&) = delete;

  const std::string& name() const { return name_; }
  PostgresDatabase& database() { return *database_; }
  NullMetricsRegistry& metrics() { return metrics_; }

  // Runs SQL in which {schema} stands for the schema, as another program would, and returns the
  // first column of the first row as text, "" if there is none. Fails the test with the database's
  // message.
  std::string Query(const std::string& sql);

 private:
  std::string name_;
  SystemClock clock_;
  NullMetricsRegistry metrics_;
  std::unique_ptr<PostgresDatabase> database_;
};

}  // namespace millrace
