#include "bench/pickup_workload.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/bench_schema.h"
#include "bench/bench_tasks.h"
#include "bench/pickup_probe.h"
#include "server/store/postgres/migrator.h"

namespace millrace::bench {
namespace {

constexpr char kSchema[] = "bench_pickup";

}  // namespace

absl::StatusOr<Figures> RunPickupWorkload(const PickupOptions& options,
                                          const ServerSettings& settings) {
  const auto schema = BenchSchema::Create(options.database_url, kSchema);
  if (!schema.ok()) return schema.status();
  absl::Status made = (*schema)->Execute("drop schema {schema}");
  if (made.ok()) made = Migrator((*schema)->database()).Migrate();
  if (!made.ok()) return made;
  const PickupPipe pipe(settings.socket_dir);
  auto server = BenchServer::Start(settings, options.database_url, kSchema);
  if (!server.ok()) return server.status();
  if (const auto started = (*server)->pool().Start(); !started.ok()) return started.status();
  auto connection = (*schema)->database().OpenConnection();
  if (!connection.ok()) return connection.status();
  auto figures = MeasurePickups(
      "pickup", **connection,
      absl::StrCat("select id from ", kSchema, ".add_job('", kPickupTask, "', $1::jsonb)"),
      options.jobs, pipe);
  if (!figures.ok()) return figures.status();
  absl::Status checked = (*server)->Stop();
  if (checked.ok()) checked = CheckAllCompleted(**schema, options.jobs + kPickupWarmUpJobs);
  if (!checked.ok()) return checked;
  return figures;
}

}  // namespace millrace::bench
