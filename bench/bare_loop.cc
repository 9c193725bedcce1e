#include "bench/bare_loop.h"

#include <unistd.h>

#include <atomic>
#include <thread>

#include "bench/cluster_cpu.h"
#include "bench/process_stat.h"
#include "server/base/clock.h"
#include "server/base/named_thread.h"

namespace millrace::bench {
namespace {

struct Batch {
  int jobs = 0;
  absl::Duration elapsed;
};

// What one thread did. Written by that thread, read when it has ended.
struct ThreadLog {
  std::vector<Batch> batches;
  absl::Status status;
};

void Drain(LoopWorker& worker, Clock& clock, const std::atomic<bool>& failed, ThreadLog& log) {
  absl::Duration before = clock.Monotonic();
  while (!failed) {
    const absl::StatusOr<int> jobs = worker.ClaimAndComplete();
    if (!jobs.ok()) log.status = jobs.status();
    if (!jobs.ok() || *jobs == 0) return;
    const absl::Duration now = clock.Monotonic();
    log.batches.push_back({*jobs, now - before});
    before = now;
  }
}

// Mean time per job of the batches from one part of the drain to another, as fractions of it.
absl::Duration TimePerJob(const std::vector<ThreadLog>& logs, double from, double to) {
  absl::Duration elapsed;
  int64_t jobs = 0;
  for (const ThreadLog& log : logs) {
    const auto count = static_cast<double>(log.batches.size());
    for (auto i = static_cast<size_t>(count * from); i < static_cast<size_t>(count * to); ++i) {
      elapsed += log.batches[i].elapsed;
      jobs += log.batches[i].jobs;
    }
  }
  return jobs == 0 ? absl::ZeroDuration()
                   : elapsed / static_cast<double>(jobs) / static_cast<double>(logs.size());
}

absl::Duration BackendCpu(const std::vector<std::unique_ptr<LoopWorker>>& workers) {
  absl::Duration total;
  for (const auto& worker : workers) total += PreciseProcessCpu(worker->backend());
  return total;
}

}  // namespace

absl::StatusOr<LoopResult> RunBareLoop(const std::vector<std::unique_ptr<LoopWorker>>& workers) {
  SystemClock clock;
  const ClusterCpu cluster(workers.front()->backend());
  std::vector<ThreadLog> logs(workers.size());
  std::atomic<bool> failed = false;

  LoopResult result;
  const absl::Duration started = clock.Monotonic();
  const absl::Duration backend_cpu = BackendCpu(workers);
  const absl::Duration cluster_cpu = cluster.Total();
  const absl::Duration client_cpu = ProcessCpu(getpid());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < workers.size(); ++i) {
    threads.push_back(StartNamedThread("bench-loop", [&, i] {
      Drain(*workers[i], clock, failed, logs[i]);
      if (!logs[i].status.ok()) failed = true;
    }));
  }
  for (std::thread& thread : threads) thread.join();
  result.elapsed = clock.Monotonic() - started;
  result.backend_cpu = BackendCpu(workers) - backend_cpu;
  result.cluster_cpu = cluster.Total() - cluster_cpu;
  result.client_cpu = ProcessCpu(getpid()) - client_cpu;

  for (const ThreadLog& log : logs) {
    if (!log.status.ok()) return log.status;
    for (const Batch& batch : log.batches) result.jobs += batch.jobs;
  }
  result.early_time_per_job = TimePerJob(logs, 0.1, 0.2);
  result.late_time_per_job = TimePerJob(logs, 0.9, 1.0);
  return result;
}

}  // namespace millrace::bench
