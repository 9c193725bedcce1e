#include "bench/server_workload.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/bench_schema.h"
#include "bench/cluster_cpu.h"
#include "bench/process_stat.h"

namespace millrace::bench {
namespace {

// Of the stats; what it costs the server is not noticed, and the drain takes seconds.
constexpr absl::Duration kPollInterval = absl::Milliseconds(20);
constexpr absl::Duration kLongestStandstill = absl::Seconds(60);

// Waits until the pool has recorded so many completions. INTERNAL if nothing moves any more.
absl::Status WaitForCompletions(client::WorkerPoolClient& pool, int64_t jobs) {
  int64_t completed = 0;
  absl::Time moved = absl::Now();
  while (completed < jobs) {
    absl::SleepFor(kPollInterval);
    const auto stats = pool.Stats();
    if (!stats.ok()) return stats.status();
    if (stats->completed != completed) moved = absl::Now();
    completed = stats->completed;
    if (stats->failed > 0 || stats->errors > 0 || absl::Now() > moved + kLongestStandstill) {
      return absl::InternalError(absl::StrCat("the drain failed: ", completed, " of ", jobs,
                                              " completed, ", stats->failed, " failed, ",
                                              stats->errors, " errors"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Figures> RunServerWorkload(const std::string& workload,
                                          const WorkloadOptions& options,
                                          const ServerSettings& settings, Watching watching) {
  const auto schema = BenchSchema::Create(options.database_url, "bench_server");
  if (!schema.ok()) return schema.status();
  if (absl::Status loaded = LoadJobs(**schema, options); !loaded.ok()) return loaded;
  const auto backend = (*schema)->Number("select pg_backend_pid()");
  if (!backend.ok()) return backend.status();
  const ClusterCpu cluster(static_cast<pid_t>(*backend));
  auto server = BenchServer::Start(settings, options.database_url, "bench_server");
  if (!server.ok()) return server.status();
  FeedWatcher watcher((*server)->connection(), watching);
  if (absl::Status subscribed = watcher.Start(options.jobs); !subscribed.ok()) return subscribed;

  const absl::Duration database_cpu = cluster.Total();
  const absl::Duration server_cpu = ProcessCpu((*server)->pid());
  const absl::Time started_at = absl::Now();
  if (const auto started = (*server)->pool().Start(); !started.ok()) return started.status();
  if (absl::Status drained = WaitForCompletions((*server)->pool(), options.jobs); !drained.ok())
    return drained;
  Figures figures = DrainFigures(workload, options.jobs, absl::Now() - started_at);
  const absl::Duration database_spent = cluster.Total() - database_cpu;
  const absl::Duration server_spent = ProcessCpu((*server)->pid()) - server_cpu;
  const ResidentMemory memory = ReadResidentMemory((*server)->pid());

  absl::Status checked = watcher.AwaitAll();
  if (checked.ok()) checked = (*server)->Stop();
  if (checked.ok()) checked = CheckAllCompleted(**schema, options.jobs);
  if (!checked.ok()) return checked;
  figures.values.insert(figures.values.end(),
                        {{"cpu_us", MicrosPerJob(database_spent + server_spent, options.jobs)},
                         {"database_cpu_us", MicrosPerJob(database_spent, options.jobs)},
                         {"program_cpu_us", MicrosPerJob(server_spent, options.jobs)},
                         {"memory_mb", memory.peak_mb},
                         {"events_missed", static_cast<double>(watcher.missed())}});
  return figures;
}

}  // namespace millrace::bench
