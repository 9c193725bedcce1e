#include "bench/own_workload.h"

#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "bench/bench_schema.h"
#include "bench/bench_tasks.h"
#include "server/store/postgres/binary_array.h"
#include "server/store/postgres/claim_rows.h"
#include "server/store/postgres/postgres_pool_store.h"
#include "server/store/postgres/postgres_text.h"

namespace millrace::bench {
namespace {

// Times as an ordinary job has them, in microseconds.
constexpr int64_t kExecutionTime = 150;
constexpr int64_t kQueueTime = 2'500'000;

class OwnWorker final : public LoopWorker {
 public:
  OwnWorker(std::unique_ptr<PostgresConnection> connection, const WorkloadOptions& options,
            WorkerNumber worker)
      : connection_(std::move(connection)),
        batch_(options.batch),
        rows_((options.batch + options.jobs_per_row - 1) / options.jobs_per_row),
        worker_(worker) {
    std::vector<std::string> tasks;
    for (int task = 0; task < options.tasks; ++task) tasks.push_back(DrainTask(task));
    tasks_ = TextArray(tasks);
  }

  absl::StatusOr<int> ClaimAndComplete() override {
    int jobs = 0;
    absl::Status ran = connection_->Run([&](PostgresConnection& connection) {
      pqxx::nontransaction transaction(connection.raw());
      const pqxx::result rows = connection.ExecuteWithRows(
          ClaimRowLimit(rows_), transaction, "ClaimJobs", batch_, worker_, tasks_, "{}", false,
          rows_, absl::Uniform<int64_t>(random_, 0, kClaimNumbers));
      jobs = static_cast<int>(rows.size());
      if (jobs > 0) Complete(connection, transaction, rows);
    });
    if (!ran.ok()) return ran;
    return jobs;
  }

  pid_t backend() const override { return connection_->raw().backendpid(); }

 private:
  // All of them are of one claim and in their first attempt.
  void Complete(PostgresConnection& connection, pqxx::transaction_base& transaction,
                const pqxx::result& rows) {
    BinaryArray jobs(rows.size()), executions(rows.size()), queue_times(rows.size());
    for (const auto& row : rows) {
      jobs.Add(row[0].as<int64_t>());
      executions.Add(kExecutionTime);
      queue_times.Add(kQueueTime);
    }
    connection.Execute(transaction, "CompletePlain",
                       absl::StrCat("{", ClaimRows::FindClaimId(rows), "}"), "{1}", "{1}",
                       absl::StrCat("{", rows.size(), "}"), jobs.Take(), executions.Take(),
                       queue_times.Take(), worker_);
  }

  std::unique_ptr<PostgresConnection> connection_;
  const int batch_;
  const int rows_;
  const WorkerNumber worker_;
  std::string tasks_;
  absl::BitGen random_;
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
