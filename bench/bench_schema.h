#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/workload_options.h"
#include "server/base/clock.h"
#include "server/metrics/null_metrics_registry.h"
#include "server/store/postgres/postgres_database.h"

namespace millrace::bench {

// A schema of one workload in the private cluster, dropped at the end. Used from one thread; what
// database() gives is thread-safe.
class BenchSchema {
 public:
  // Makes an empty schema; what an earlier run left of it is dropped. Errors as
  // PostgresDatabase::Run.
  static absl::StatusOr<std::unique_ptr<BenchSchema>> Create(const std::string& database_url,
                                                             const std::string& name);
  ~BenchSchema();
  BenchSchema(const BenchSchema&) = delete;
  BenchSchema& operator=(const BenchSchema&) = delete;

  PostgresDatabase& database() { return *database_; }
  NullMetricsRegistry& metrics() { return metrics_; }

  // Both run SQL in which {schema} stands for the schema.
  absl::Status Execute(const std::string& sql);
  // The number in the first column of the first row. NOT_FOUND if there is none.
  absl::StatusOr<int64_t> Number(const std::string& sql);

  // Vacuums and analyses all tables and writes a checkpoint, so that every workload begins alike.
  absl::Status Settle();

 private:
  BenchSchema() = default;

  SystemClock clock_;
  NullMetricsRegistry metrics_;
  std::unique_ptr<PostgresDatabase> database_;
};

// Brings the schema to the project's own tables and adds options.jobs jobs of the tasks "bench_0",
// "bench_1" and so on, as if they had been added in batches of options.jobs_per_row; then settles.
absl::Status LoadJobs(BenchSchema& schema, const WorkloadOptions& options);

// INTERNAL unless exactly `jobs` jobs have been completed, each once, and nothing is left waiting
// or held.
absl::Status CheckAllCompleted(BenchSchema& schema, int64_t jobs);

}  // namespace millrace::bench
