#include "bench/own_workload.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/bench_schema.h"
#include "server/store/postgres/postgres_pool_store.h"
#include "server/store/postgres/postgres_text.h"

namespace millrace::bench {
namespace {

// Times as an ordinary job has them, in microseconds.
constexpr int64_t kExecutionTime = 150;
constexpr int64_t kQueueTime = 2'500'000;

// The size that the store prepares for so many rows.
int RowsToLock(const WorkloadOptions& options) {
  for (const int rows : {4, 16, 64, 256, 1024}) {
    if (rows * options.jobs_per_row > options.batch) return rows;
  }
  return 4096;
}

class OwnWorker final : public LoopWorker {
 public:
  OwnWorker(std::unique_ptr<PostgresConnection> connection, const WorkloadOptions& options,
            WorkerNumber worker)
      : connection_(std::move(connection)),
        batch_(options.batch),
        rows_(RowsToLock(options)),
        worker_(worker) {
    std::vector<std::string> tasks;
    for (int task = 0; task < options.tasks; ++task) tasks.push_back(absl::StrCat("bench_", task));
    tasks_ = TextArray(tasks);
  }

  absl::StatusOr<int> ClaimAndComplete() override {
    int jobs = 0;
    const absl::Status ran = connection_->Run([&](PostgresConnection& connection) {
      pqxx::nontransaction transaction(connection.raw());
      const pqxx::result rows = connection.ExecuteWithRows(rows_, transaction, "ClaimJobs", batch_,
                                                           worker_, tasks_, "{}", false);
      jobs = static_cast<int>(rows.size());
      if (jobs > 0) Complete(connection, transaction, rows);
    });
    if (!ran.ok()) return ran;
    return jobs;
  }

  pid_t backend() const override { return connection_->raw().backendpid(); }

 private:
  void Complete(PostgresConnection& connection, pqxx::transaction_base& transaction,
                const pqxx::result& rows) {
    ArrayText claims, jobs, executions, queue_times, attempts;
    int64_t claim = 0;
    int64_t attempt = 0;
    for (const auto& row : rows) {
      if (!row["claim_id"].is_null()) claim = row["claim_id"].as<int64_t>();
      if (!row["attempt"].is_null()) attempt = row["attempt"].as<int64_t>();
      claims.AddInteger(claim);
      jobs.AddInteger(row["id"].as<int64_t>());
      executions.AddInteger(kExecutionTime);
      queue_times.AddInteger(kQueueTime);
      attempts.AddInteger(attempt);
    }
    connection.Execute(transaction, "CompletePlain", claims.Take(), jobs.Take(), executions.Take(),
                       queue_times.Take(), attempts.Take(), worker_);
  }

  std::unique_ptr<PostgresConnection> connection_;
  const int batch_;
  const int rows_;
  const WorkerNumber worker_;
  std::string tasks_;
};

}  // namespace

absl::StatusOr<LoopResult> RunOwnWorkload(const WorkloadOptions& options) {
  const auto schema = BenchSchema::Create(options.database_url, "bench_own");
  if (!schema.ok()) return schema.status();
  if (absl::Status loaded = LoadJobs(**schema, options); !loaded.ok()) return loaded;
  PostgresPoolStore store((*schema)->database());
  const auto number = store.RegisterWorker({.worker_id = "bench",
                                            .pool_name = "bench",
                                            .host = "bench",
                                            .pid = 1,
                                            .version = "bench",
                                            .lease_ttl = absl::Hours(1)});
  if (!number.ok()) return number.status();

  std::vector<std::unique_ptr<LoopWorker>> workers;
  for (int i = 0; i < options.connections; ++i) {
    auto connection = (*schema)->database().OpenConnection();
    if (!connection.ok()) return connection.status();
    workers.push_back(std::make_unique<OwnWorker>(*std::move(connection), options, *number));
  }
  auto result = RunBareLoop(workers);
  if (!result.ok()) return result;
  absl::Status checked = CheckAllCompleted(**schema, options.jobs);
  return checked.ok() ? result : checked;
}

}  // namespace millrace::bench
