-- Adding jobs and looking at them.

-- name: MakeLane
-- The lane of a task and flags. Index: lane's unique one. Waits at most 2 s for one who makes the same lane at this moment,
-- and then returns null.
select {schema}.make_lane($1, $2::text[]);

-- name: MissingQueues
-- Those of the serial queues $1 that nobody has used before. Index: queue's unique one.
select name from unnest($1::text[]) name where {schema}.find_queue(name) is null;

-- name: MakeQueue
-- As MakeLane.
select {schema}.make_queue($1);

-- name: AddChunk
-- Up to 100 jobs that share lane $1, run_at $2 (empty: now), priority $3 and max_attempts $4 and have neither key nor serial
-- queue: payloads $5, correlation ids $6, metadata $7 (empty texts: null). Returns the first id; the others follow it.
-- Locks nothing: all rows are new.
with block as materialized (
  select {schema}.new_job_id() id, coalesce(nullif($2, '')::timestamptz, now()) run_at, statement_timestamp() moment),
ready as (
  insert into {schema}.ready (lane, priority, run_at, id, jobs)
  select $1::int, $3::smallint, run_at, id, cardinality($5::text[]) from block where run_at <= moment),
scheduled as (
  insert into {schema}.scheduled (due, id, jobs)
  select run_at, id, cardinality($5::text[]) from block where run_at > moment),
jobs as (
  insert into {schema}.job (id, lane, priority, max_attempts, run_at, correlation_id, metadata, payload)
  select id + position - 1, $1::int, $3::smallint, $4::smallint, run_at, nullif(correlation_id, ''), nullif(metadata, '')::jsonb, payload::jsonb
  from block cross join unnest($5::text[], $6::text[], $7::text[]) with ordinality u(payload, correlation_id, metadata, position))
select id from block;

-- name: AnnounceAdded
select {schema}.announce_added();

-- name: AddJob
-- Any job that the server has checked. Empty texts stand for null; an empty run_at for now. See add_valid_job.
-- No row, and nothing is written, if it is the first of its task and flags $9 or its serial queue $3: these must be made before.
with names as materialized (
  select {schema}.find_lane($1, $9::text[]) lane, {schema}.find_queue(nullif($3, '')) queue)
select j.id, j.result from names cross join lateral {schema}.add_valid_job(lane, $2::jsonb, queue, coalesce(nullif($4, '')::timestamptz, now()),
  $5::int, $6::int, nullif($7, ''), nullif($8, ''), nullif($10, ''), nullif($11, '')::jsonb) j
where lane is not null and ($3 = '' or queue is not null);

-- name: DescribeJobs
-- The jobs $1 as they stand, newest first. One snapshot: each is in exactly one state.
-- Index: the primary keys; claims, which are few, are read whole once.
with asked as materialized (select * from {schema}.job where id = any ($1::bigint[])),
held as materialized (
  select i id, c.id claim_id, c.worker, h.attempts + 1 attempt
  from {schema}.claim c cross join unnest(c.first_ids, c.counts, c.attempts) h(first_id, jobs, attempts)
  cross join generate_series(h.first_id, h.first_id + h.jobs - 1) i join asked on asked.id = i
  where not i = any (c.returned)
    and not exists (select from {schema}.attempt_outcome o where o.job_id = i and o.claim_id = c.id))
select j.id, l.task_identifier, j.payload, j.priority, j.max_attempts, q.name queue_name, coalesce(m.run_at, j.run_at) run_at,
  j.created_at, array_to_json(l.flags) flags, j.job_key, j.correlation_id, j.metadata,
  case when ended.outcome = 'c' then 'c' when ended.outcome = 'k' then 'k' when e.id is not null then 'x' when h.id is not null then 'h'
       when s.id is not null then 's' when f.id is not null then 'f' else 'r' end state,
  coalesce(nullif(ended.attempt, 0), h.attempt, s.attempts, f.attempts, r.attempts, last.attempt, 0) attempt,
  coalesce(ended.finished_at, e.since) finished_at,
  error.error_message, w.worker_id,
  case when h.id is not null and mark.outcome = 'k' then mark.reason end cancel_reason,
  case when h.id is not null and mark.outcome = 'x' then mark.reason end fail_reason,
  p.percent, p.message progress_message, p.counters, p.reported_at
from asked j join {schema}.lane l on l.id = j.lane
left join {schema}.queue q on q.id = j.queue
left join {schema}.job_memory m on m.job_id = j.id
left join lateral (select outcome, attempt, finished_at from {schema}.attempt_outcome o where o.job_id = j.id and final limit 1) ended on true
left join {schema}.exhausted e on e.id = j.id
left join held h on h.id = j.id
left join {schema}.worker w on w.id = h.worker
left join {schema}.cancel_mark mark on mark.job_id = j.id
left join {schema}.progress p on p.job_id = h.id and p.claim_id = h.claim_id
left join lateral (
  select c.id, c.attempts from {schema}.scheduled c where c.id <= j.id and c.id > j.id - 100 and c.id + c.jobs > j.id order by c.id desc limit 1) s on true
left join {schema}.follower f on f.id = j.id
left join lateral (
  select c.attempts from {schema}.ready c where c.lane = j.lane and c.priority = j.priority and c.run_at = coalesce(m.run_at, j.run_at)
    and c.id <= j.id and c.id > j.id - 100 and c.id + c.jobs > j.id order by c.id desc limit 1) r on true
left join lateral (  -- what was counted before it ended without an attempt
  select case when o.outcome in ('s', 'i') then o.attempt - 1 else o.attempt end attempt from {schema}.attempt_outcome o
  where o.job_id = j.id and o.attempt > 0 order by o.recording desc limit 1) last on true
left join lateral (
  select d.error_message from {schema}.attempt_detail d join {schema}.attempt_outcome o on o.job_id = d.job_id and o.claim_id = d.claim_id
  where d.job_id = j.id and d.error_message is not null order by o.recording desc limit 1) error on true
order by j.id desc;

-- name: ListAttempts
-- Attempts of job $1 that ended, newest first, at most $2. Index: the primary keys.
select o.attempt, o.outcome, w.worker_id, o.finished_at, o.execution_us, o.queue_us, d.error_message, d.error_detail, d.result,
  d.partial_success - 'results' partial_success, d.partial_success->>'results' partial_results
from {schema}.attempt_outcome o
left join {schema}.attempt_detail d on d.job_id = o.job_id and d.claim_id = o.claim_id
left join {schema}.worker w on w.id = o.worker
where o.job_id = $1::bigint order by o.recording desc, o.claim_id desc limit $2::int;

-- name: EndJobs
-- The jobs $1, with the outcome $2 (k cancelled, x failed for good), for the reason $3; a row each, in order. See end_jobs.
select result from {schema}.end_jobs($1::bigint[], $2::"char", $3);

-- name: ResetOverdueJobs
-- What stopped pools have left locked for longer than $1 milliseconds. See reset_overdue: waits for nobody.
select {schema}.reset_overdue($1::bigint);

-- name: MissingPartitions
-- Of this and the next two weeks.
select parent, first_day from {schema}.missing_partitions(now() + interval '14 days');

-- name: MakePartition
-- Locks: one of its own, then the rest of the table $1, each for at most 200 ms. See make_partition.
select {schema}.make_partition($1, $2::bigint);

-- name: Ping
-- Whether it takes no changes, as one does that follows another or was made so.
select current_setting('transaction_read_only')::boolean;
