#include "bench/smallest_workload.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "bench/bench_schema.h"

namespace millrace::bench {
namespace {

constexpr char kSchema[] = "bench_smallest";

// An immutable job row, a narrow ready row for many jobs, one row for each batch that is held, a
// narrow outcome row for each job.
constexpr char kTables[] = R"(
create table {schema}.job (id bigint primary key, payload jsonb not null);
create table {schema}.ready (priority smallint not null, run_at timestamptz not null,
  id bigint not null, jobs smallint not null, primary key (priority, run_at, id));
create table {schema}.batch (id bigint generated always as identity primary key,
  worker int not null, first_ids bigint[] not null);
create table {schema}.outcome (job_id bigint primary key, batch_id bigint not null,
  finished_at timestamptz not null, outcome "char" not null);
alter table {schema}.ready set (autovacuum_vacuum_scale_factor = 0.05,
  autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
alter table {schema}.batch set (autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);)";

constexpr char kLoad[] = R"(
insert into {schema}.ready
select 0, now() - interval '1 hour' + b * interval '1 us', b * {per_row},
  least({per_row}, {jobs} - b * {per_row})
from generate_series(0::bigint, ({jobs} - 1) / {per_row}) b;
insert into {schema}.job
select i, jsonb_build_object('id', i) from generate_series(0::bigint, {jobs} - 1) i;)";

constexpr char kClaim[] = R"(
with taken as (
  delete from {schema}.ready where ctid = any (array(
    select ctid from {schema}.ready order by priority, run_at, id limit {rows}
    for update skip locked))
  returning id, jobs),
made as (
  insert into {schema}.batch (worker, first_ids)
  select $1::int, array_agg(id) from taken having count(*) > 0 returning id)
select made.id, j.id, j.payload from made cross join taken t
cross join lateral (select * from {schema}.job where id >= t.id and id < t.id + t.jobs) j)";

constexpr char kComplete[] = R"(
with outcomes as (
  insert into {schema}.outcome (job_id, batch_id, finished_at, outcome)
  select job_id, $1::bigint, now(), 'c' from unnest($2::bigint[]) job_id)
delete from {schema}.batch where id = $1::bigint)";

constexpr char kCountWrong[] = R"(
select (select count(*) from {schema}.ready) + (select count(*) from {schema}.batch)
  + abs({jobs} - (select count(*) from {schema}.outcome where outcome = 'c'))
  + (select count(*) from {schema}.job j where not exists (
       select from {schema}.outcome o where o.job_id = j.id)))";

class SmallestWorker final : public LoopWorker {
 public:
  explicit SmallestWorker(std::unique_ptr<PostgresConnection> connection)
      : connection_(std::move(connection)) {}

  absl::Status Prepare(const WorkloadOptions& options) {
    const std::string rows = absl::StrCat(std::max(1, options.batch / options.jobs_per_row));
    return connection_->Run([&](PostgresConnection& connection) {
      const auto prepare = [&](const char* name, const char* text) {
        connection.raw().prepare(
            name, absl::StrReplaceAll(text, {{"{schema}", kSchema}, {"{rows}", rows}}));
      };
      prepare("claim", kClaim);
      prepare("complete", kComplete);
    });
  }

  absl::StatusOr<int> ClaimAndComplete() override {
    int jobs = 0;
    absl::Status ran = connection_->Run([&](PostgresConnection& connection) {
      pqxx::nontransaction transaction(connection.raw());
      const pqxx::result rows = transaction.exec_prepared("claim", 1);
      jobs = static_cast<int>(rows.size());
      if (jobs == 0) return;
      std::string ids = "{";
      for (const auto& row : rows) absl::StrAppend(&ids, ids.size() > 1 ? "," : "", row[1].c_str());
      transaction.exec_prepared("complete", rows[0][0].c_str(), ids + "}");
    });
    if (!ran.ok()) return ran;
    return jobs;
  }

  pid_t backend() const override { return connection_->raw().backendpid(); }

 private:
  std::unique_ptr<PostgresConnection> connection_;
};

std::string Fill(const char* sql, const WorkloadOptions& options) {
  return absl::StrReplaceAll(sql, {{"{jobs}", absl::StrCat(options.jobs)},
                                   {"{per_row}", absl::StrCat(options.jobs_per_row)}});
}

}  // namespace

absl::StatusOr<LoopResult> RunSmallestWorkload(const WorkloadOptions& options) {
  const auto schema = BenchSchema::Create(options.database_url, kSchema);
  if (!schema.ok()) return schema.status();
  absl::Status loaded = (*schema)->Execute(kTables);
  if (loaded.ok()) loaded = (*schema)->Execute(Fill(kLoad, options));
  if (loaded.ok()) loaded = (*schema)->Settle();
  if (!loaded.ok()) return loaded;

  std::vector<std::unique_ptr<LoopWorker>> workers;
  for (int i = 0; i < options.connections; ++i) {
    auto connection = (*schema)->database().OpenConnection();
    if (!connection.ok()) return connection.status();
    auto worker = std::make_unique<SmallestWorker>(*std::move(connection));
    if (absl::Status prepared = worker->Prepare(options); !prepared.ok()) return prepared;
    workers.push_back(std::move(worker));
  }
  auto result = RunBareLoop(workers);
  if (!result.ok()) return result;

  const auto wrong = (*schema)->Number(Fill(kCountWrong, options));
  if (!wrong.ok()) return wrong.status();
  if (*wrong != 0) return absl::InternalError("smallest: the drain was not exact");
  return result;
}

}  // namespace millrace::bench
