#include "tests/fault/storage_checks.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace millrace {
namespace {

// Every job that a claim holds, and every place in which a job waits.
const char kHeld[] =
    "held as (select c.id claim_id, c.worker, i id, h.attempts from {schema}.claim c "
    "cross join unnest(c.first_ids, c.counts, c.attempts) h(first_id, jobs, attempts) "
    "cross join generate_series(h.first_id, h.first_id + h.jobs - 1) i where not i = any "
    "(c.returned) "
    "and not exists (select from {schema}.attempt_outcome o where o.job_id = i and o.claim_id = "
    "c.id))";
const char kWaiting[] =
    "waiting as (select 'ready' place, i id, attempts, remembered from {schema}.ready cross join "
    "generate_series(id, id + jobs - 1) i "
    "union all select 'scheduled', i, attempts, remembered from {schema}.scheduled cross join "
    "generate_series(id, id + jobs - 1) i "
    "union all select 'follower', id, attempts, remembered from {schema}.follower)";

std::string With(const std::string& query) {
  return absl::StrCat("with ", kHeld, ", ", kWaiting, " ", query);
}

}  // namespace

const std::vector<StorageCheck>& StorageChecks() {
  static const std::vector<StorageCheck> kChecks = {
      {"a job that has not ended is in exactly one place, one that has ended in none",
       With("select j.id, string_agg(p.place, ' ') from {schema}.job j left join ("
            "  select place, id from waiting union all select 'held', id from held union all "
            "select 'exhausted', id from {schema}.exhausted"
            "  union all select 'ended', job_id from {schema}.attempt_outcome where final) p on "
            "p.id = j.id "
            "group by j.id having count(p.place) <> 1 limit 5")},
      {"nothing waits, is held or exhausted that is no job",
       With("select id from (select id from waiting union all select id from held union all select "
            "id from {schema}.exhausted) p "
            "where not exists (select from {schema}.job j where j.id = p.id) limit 5")},
      {"a claim counts exactly what it holds",
       With("select c.id, c.open_jobs, count(h.id) from {schema}.claim c left join held h on "
            "h.claim_id = c.id group by 1, 2 "
            "having c.open_jobs <> count(h.id) limit 5")},
      {"a serial job that is ready or held is the head of its queue",
       With("select p.id, q.name, q.head from (select id from waiting where place = 'ready' union "
            "all select id from held) p "
            "join {schema}.job j on j.id = p.id join {schema}.queue q on q.id = j.queue where "
            "q.head is distinct from p.id limit 5")},
      {"the head of a queue is ready or held",
       With("select q.name, q.head from {schema}.queue q where head is not null and not exists ("
            "select from (select id from waiting where place = 'ready' union all select id from "
            "held) p where p.id = q.head) limit 5")},
      {"a queue with followers has a head, or is noted as one to be filled",
       "select q.name from {schema}.queue q where head is null and exists (select from "
       "{schema}.follower f where f.queue = q.id) "
       "and not exists (select from {schema}.queue_to_fill u where u.queue = q.id) limit 5"},
      {"a waiting job that has a key holds it",
       With("select w.place, j.id, j.job_key, k.job_id from waiting w join {schema}.job j on j.id "
            "= w.id "
            "left join {schema}.job_key k on k.job_key = j.job_key where j.job_key is not null and "
            "k.job_id is distinct from j.id limit 5")},
      {"a mark of cancelling is of a job that is held or has completed",
       With(
           "select m.job_id from {schema}.cancel_mark m where not exists (select from held h where "
           "h.id = m.job_id) and not exists (select from {schema}.attempt_outcome o where "
           "o.job_id = m.job_id and o.final and o.outcome = 'c') limit 5")},
      {"a job has one final outcome at most",
       "select job_id from {schema}.attempt_outcome where final group by 1 having count(*) > 1 "
       "limit 5"},
      {"a waiting job has as many attempts as outcomes that count",
       With("select w.place, w.id, w.attempts, count(o.job_id) from waiting w "
            "left join {schema}.attempt_outcome o on o.job_id = w.id and o.outcome in ('f', 'p', "
            "'l', 'x') and o.attempt > 0 group by 1, 2, 3 "
            "having w.attempts <> count(o.job_id) limit 5")},
      {"a waiting job is marked as remembered if and only if something is remembered of it",
       With("select w.place, w.id, w.remembered from waiting w left join {schema}.job_memory m on "
            "m.job_id = w.id "
            "where w.remembered <> (m.job_id is not null) limit 5")},
      {"nothing is remembered of a job that has ended",
       "select m.job_id from {schema}.job_memory m join {schema}.attempt_outcome o on o.job_id = "
       "m.job_id where o.final limit 5"},
      {"jobs of one ready row share what it says of them",
       "select r.id, j.id from {schema}.ready r join {schema}.job j on j.id >= r.id and j.id < "
       "r.id + r.jobs "
       "left join {schema}.job first on first.id = r.id where r.jobs > 1 and (j.lane <> r.lane or "
       "j.priority <> r.priority "
       "or j.created_at <> first.created_at or j.max_attempts <> first.max_attempts or j.queue is "
       "not null or j.job_key is not null) limit 5"},
  };
  return kChecks;
}

std::vector<std::string> FindViolations(PostgresDatabase& database) {
  std::vector<std::string> violations;
  const std::string& schema = database.statements().schema();
  const absl::Status ran = database.Run("check", [&](PostgresConnection& connection) {
    violations.clear();
    pqxx::transaction<pqxx::repeatable_read, pqxx::read_only> transaction(connection.raw());
    for (const StorageCheck& check : StorageChecks()) {
      for (const auto& row :
           transaction.exec(absl::StrReplaceAll(check.query, {{"{schema}", schema}}))) {
        std::string line = "violated: " + check.name + ":";
        for (const auto& field : row) absl::StrAppend(&line, " ", field.name(), "=", field.c_str());
        violations.push_back(line);
      }
    }
  });
  if (!ran.ok()) violations.push_back("the checks could not run: " + ran.ToString());
  return violations;
}

}  // namespace millrace
