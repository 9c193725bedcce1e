-- The hot path of a pool. What must not be forgotten here:
--   * `for update skip locked` sees the newest version of a row, later parts of a statement the snapshot's:
--     rows of ready are never updated, and only what DELETE ... RETURNING returned is claimed.
--   * The LIMIT is a literal ({rows}, filled in from a few sizes): with a parameter the generic plan reads the whole table.

-- name: ClaimJobs
-- Claims up to $1 jobs for worker $2 from the lanes of tasks $3 (all tasks if $5) without any of the flags $4, best
-- first over all lanes, looking at no more than {rows} rows of ready.
-- Index: ready_pkey, once per lane that has jobs; where one lane alone has any, rows are locked straight in its order.
-- Locks: the worker FOR KEY SHARE (a rescue waits for us or we find the lease ended), rows of ready that nobody else has locked. Waits
-- for nobody but a rescue of this very worker.
-- Attributes that a chunk shares are given in its first row only.
with me as materialized (
  select id from {schema}.worker where id = $2::int and ended_at is null for key share),
lanes as materialized (
  select l.id from me cross join {schema}.lane l
  cross join lateral (  -- not "exists", which would be made a join that reads the whole of ready
    select from {schema}.ready r where r.lane = l.id order by r.priority, r.run_at, r.id limit 1) has_jobs
  where ($5::boolean or l.task_identifier = any ($3::text[])) and not l.flags && $4::text[]),
candidates as materialized (
  select c.* from lanes cross join lateral (
    select ctid tid, priority, run_at, id from {schema}.ready r where r.lane = lanes.id
    order by r.priority, r.run_at, r.id limit 2 * {rows}) c
  where (select count(*) from lanes) > 1
  order by 2, 3, 4 limit 2 * {rows}),
taken as (
  delete from {schema}.ready where ctid = any (case when (select count(*) from lanes) = 1
    then array(select r.ctid from {schema}.ready r where r.lane = (select id from lanes)
               order by r.priority, r.run_at, r.id limit {rows} for update skip locked)
    else array(select r.ctid from {schema}.ready r where r.ctid = any (array(select tid from candidates))
               order by r.priority, r.run_at, r.id limit {rows} for update skip locked) end)
  returning *),
chunks as (
  select *, greatest(0, least(jobs, $1::int - before))::int wanted
  from (select *, sum(jobs) over (order by priority, run_at, id) - jobs before from taken) x),
rest as (
  insert into {schema}.ready (lane, priority, run_at, id, jobs, attempts, remembered)
  select lane, priority, run_at, id + wanted, jobs - wanted, attempts, remembered from chunks where wanted < jobs),
made as (
  insert into {schema}.claim (id, worker, claimed_at, open_jobs, first_ids, counts, attempts)
  select {schema}.day_number(clock_timestamp()) * 1000000000000 + nextval('{schema}.claim_id_sequence'), $2::int, clock_timestamp(),
    sum(wanted), array_agg(id), array_agg(wanted::smallint), array_agg(attempts)
  from chunks where wanted > 0 having count(*) > 0
  returning id, claimed_at)
select j.id, j.payload, j.queue, j.job_key, j.correlation_id, j.metadata,
  c.remembered,
  case when j.id = c.id then made.id end claim_id,
  case when j.id = c.id then c.lane end lane,
  case when j.id = c.id then c.priority end priority,
  case when j.id = c.id then c.attempts + 1 end attempt,
  case when j.id = c.id then c.run_at end run_at,
  case when j.id = c.id then j.max_attempts end max_attempts,
  case when j.id = c.id then j.created_at end created_at,
  case when j.id = c.id then made.claimed_at end claimed_at
from made cross join chunks c
cross join lateral (select * from {schema}.job where id >= c.id and id < c.id + c.wanted) j
order by c.priority, c.run_at, j.id;

-- name: ReadMemories
-- What is remembered of the jobs $1. Index: job_memory_pkey.
select job_id, interruptions, partial_success from {schema}.job_memory where job_id = any ($1::bigint[]);

-- name: CompletePlain
-- Completes jobs that have no key, no serial queue, no memory and leave no detail: $1 claim ids, $2 job ids, $3 execution
-- and $4 queue times in microseconds, $5 attempts; $6 the worker. Returns the jobs that were not held by their claims because they
-- had been given back, as (claim_id, job_id, recorded_at), and the time of the recording in a row with null ids.
-- A job that is reported twice is a unique violation: then nothing has happened, and settle sorts it out.
-- Index: claim_pkey. Locks: claims in order of id, FOR NO KEY UPDATE, so that transactions of handlers (FOR KEY SHARE) go on.
with reports as materialized (
  select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[])
    u(claim_id, job_id, execution_us, queue_us, attempt)),
claims as materialized (
  select id, open_jobs, returned from {schema}.claim where id in (select claim_id from reports) order by id for no key update),
accepted as materialized (
  select r.* from reports r join claims c on c.id = r.claim_id where c.returned = '{}' or not r.job_id = any (c.returned)),
counts as materialized (select claim_id, count(*)::int jobs from accepted group by 1),
numbered as materialized (select nextval('{schema}.recording_sequence') number, clock_timestamp() moment),
outcomes as (
  insert into {schema}.attempt_outcome (job_id, claim_id, recording, finished_at, execution_us, queue_us, worker, attempt, outcome, final)
  select job_id, claim_id, number, moment, execution_us, queue_us, $6::int, attempt, 'c', true from accepted cross join numbered),
ended as (
  delete from {schema}.claim c using counts n, claims l where c.id = n.claim_id and l.id = n.claim_id and l.open_jobs = n.jobs),
smaller as (
  update {schema}.claim c set open_jobs = c.open_jobs - n.jobs from counts n, claims l
  where c.id = n.claim_id and l.id = n.claim_id and l.open_jobs > n.jobs)
select null::bigint, null::bigint, moment from numbered
union all
select claim_id, job_id, null from reports r
  where (select count(*) from accepted) < (select count(*) from reports)
    and not exists (select from accepted a where a.job_id = r.job_id and a.claim_id = r.claim_id);
