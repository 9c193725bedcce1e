#include "bench/bench_schema.h"

#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "bench/bench_tasks.h"
#include "server/store/postgres/migrator.h"

namespace millrace::bench {
namespace {

// Ids as new_job_id gives them: each row begins a block of a hundred. The run_at of the rows rise,
// as those of batches that were added one after the other.
constexpr char kLoadReady[] = R"(
insert into {schema}.ready (lane, priority, run_at, id, jobs)
select 1 + b % {tasks}, 0, now() - interval '1 hour' + b * interval '1 us',
  {schema}.day_number(now()) * 1000000000000 + b * 100,
  least({per_row}, {jobs} - b * {per_row})
from generate_series(0, ({jobs} - 1) / {per_row}) b)";

constexpr char kLoadJobs[] = R"(
insert into {schema}.job (id, lane, priority, max_attempts, created_at, run_at, payload)
select r.id + i, r.lane, r.priority, 25, r.run_at, r.run_at,
  jsonb_build_object('id', r.id + i) || {padding}
from {schema}.ready r cross join generate_series(0, r.jobs - 1) i)";

constexpr char kCountWrong[] = R"(
select abs({jobs} - (select count(*) from {schema}.attempt_outcome where outcome = 'c' and final))
  + abs({jobs} - (select count(distinct job_id) from {schema}.attempt_outcome))
  + (select count(*) from {schema}.job j where not exists (
       select from {schema}.attempt_outcome o where o.job_id = j.id))
  + (select count(*) from {schema}.ready) + (select count(*) from {schema}.scheduled)
  + (select count(*) from {schema}.follower) + (select count(*) from {schema}.claim)
  + (select count(*) from {schema}.exhausted))";

std::string Fill(const std::string& sql, const WorkloadOptions& options) {
  const std::string padding =
      options.padding == 0
          ? "'{}'"
          : absl::StrCat("jsonb_build_object('padding', repeat('x', ", options.padding, "))");
  return absl::StrReplaceAll(sql, {{"{jobs}", absl::StrCat(options.jobs)},
                                   {"{per_row}", absl::StrCat(options.jobs_per_row)},
                                   {"{tasks}", absl::StrCat(options.tasks)},
                                   {"{padding}", padding}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<BenchSchema>> BenchSchema::Create(const std::string& database_url,
                                                                 const std::string& name) {
  std::unique_ptr<BenchSchema> schema(new BenchSchema);
  auto database = PostgresDatabase::Create(
      {.database_url = database_url, .schema = name, .call_limit = absl::Minutes(30)},
      schema->metrics_, schema->clock_);
  if (!database.ok()) return database.status();
  schema->database_ = *std::move(database);
  absl::Status made = schema->Execute("drop schema if exists {schema} cascade");
  if (made.ok()) made = schema->Execute("create schema {schema}");
  if (!made.ok()) return made;
  return schema;
}

BenchSchema::~BenchSchema() {
  if (database_ == nullptr) return;
  const absl::Status dropped = Execute("drop schema if exists {schema} cascade");
  if (!dropped.ok()) std::cerr << "millrace-bench: " << dropped << "\n";
}

absl::Status BenchSchema::Execute(const std::string& sql) {
  return database_->Run("bench", [&](PostgresConnection& connection) {
    pqxx::nontransaction transaction(connection.raw());
    transaction.exec(absl::StrReplaceAll(sql, {{"{schema}", database_->options().schema}}));
  });
}

absl::StatusOr<int64_t> BenchSchema::Number(const std::string& sql) {
  absl::StatusOr<int64_t> number = absl::NotFoundError("no row");
  const absl::Status ran = database_->Run("bench", [&](PostgresConnection& connection) {
    pqxx::nontransaction transaction(connection.raw());
    const pqxx::result rows =
        transaction.exec(absl::StrReplaceAll(sql, {{"{schema}", database_->options().schema}}));
    if (!rows.empty()) number = rows[0][0].as<int64_t>();
  });
  return ran.ok() ? number : ran;
}

absl::Status BenchSchema::Settle() {
  absl::Status settled = Execute("vacuum (analyze)");
  return settled.ok() ? Execute("checkpoint") : settled;
}

absl::Status LoadJobs(BenchSchema& schema, const WorkloadOptions& options) {
  Migrator migrator(schema.database());
  absl::Status loaded = schema.Execute("drop schema {schema}");
  if (loaded.ok()) loaded = migrator.Migrate();
  for (int task = 0; loaded.ok() && task < options.tasks; ++task)
    loaded = schema.Execute(absl::StrCat("select {schema}.lane_of('", DrainTask(task), "', '{}')"));
  if (loaded.ok()) loaded = schema.Execute(Fill(kLoadReady, options));
  if (loaded.ok()) loaded = schema.Execute(Fill(kLoadJobs, options));
  return loaded.ok() ? schema.Settle() : loaded;
}

absl::Status CheckAllCompleted(BenchSchema& schema, int64_t jobs) {
  const auto wrong =
      schema.Number(absl::StrReplaceAll(kCountWrong, {{"{jobs}", absl::StrCat(jobs)}}));
  if (!wrong.ok()) return wrong.status();
  if (*wrong == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("the drain was not exact: of ", jobs, " jobs ", *wrong,
                   " are missing, left waiting or held, or were completed more than once"));
}

}  // namespace millrace::bench
