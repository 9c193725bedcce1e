-- Waiting for the ends of jobs. Locks: none.
-- What is looked up stands in lateral subqueries with a limit, so that no plan reads another table whole, however many jobs are
-- waited for.

-- name: EndedJobs
-- Those of the jobs $1 that have ended, are exhausted or do not exist. Index: the primary keys.
select u.id from unnest($1::bigint[]) u(id)
left join lateral (select true yes from {schema}.attempt_outcome o where o.job_id = u.id and o.final limit 1) ended on true
left join lateral (select true yes from {schema}.exhausted e where e.id = u.id limit 1) exhausted on true
left join lateral (select true yes from {schema}.job j where j.id = u.id limit 1) known on true
where ended.yes or exhausted.yes or known.yes is null;

-- name: LastAttempts
-- The latest attempt of each of the jobs $1 that has one, with the columns of ListAttempts, and which job has the key of one that
-- ended because another took it (successor), unless that has ended, too: where an application had locked the key at that moment, the
-- row of the key is still there. Index: the primary keys.
select u.id job_id, o.attempt, o.outcome, w.worker_id, o.finished_at, o.execution_us, o.queue_us, d.error_message, d.error_detail,
  d.result, d.partial_success - 'results' partial_success, d.partial_success->>'results' partial_results,
  case when o.final and o.outcome = 'k' and d.error_message = 'superseded' then (
    select k.job_id from {schema}.job j join {schema}.job_key k on k.job_key = j.job_key where j.id = u.id and k.job_id <> u.id
    and {schema}.is_live(k.job_id)) end successor
from unnest($1::bigint[]) u(id)
cross join lateral (
  select * from {schema}.attempt_outcome o where o.job_id = u.id order by o.recording desc, o.claim_id desc limit 1) o
left join lateral (select * from {schema}.attempt_detail d where d.job_id = o.job_id and d.claim_id = o.claim_id limit 1) d on true
left join lateral (select worker_id from {schema}.worker w where w.id = o.worker limit 1) w on true;
