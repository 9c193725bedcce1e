-- The hot path of a pool. What must not be forgotten here:
--   * `for update skip locked` sees the newest version of a row, later parts of a statement the snapshot's:
--     rows of ready are never updated, and only what DELETE ... RETURNING returned is claimed.
--   * The inner LIMIT is a literal ({rows}, filled in from a few sizes): with a parameter alone the generic plan reads the
--     whole table. The outer one is exact, so that no row is taken only to be put back.

-- name: ClaimJobs
-- Claims up to $1 jobs for worker $2 from the lanes of tasks $3 (all tasks if $5) without any of the flags $4, best
-- first over all lanes, taking no more than $6 rows of ready, under the number $7. REQUIRES: $6 is at most {rows}.
-- Index: ready_pkey. Entries of rows that are gone stay in it until a vacuum, and stand before all others: they are walked over
-- once for each lane, to its first row, and never again from there. Where one lane alone has jobs, rows are locked straight in
-- the index's order.
-- Locks: the worker FOR KEY SHARE (a rescue waits for us or we find the lease ended), rows of ready that nobody else has locked. Waits
-- for nobody but a rescue of this very worker. A number that is in use or refused (TakeBackClaim) is a unique violation.
-- Its commit does not wait for the disk: a claim that is lost in a crash of the database is as if it had not been
-- made, and what is recorded of its jobs comes later in the log, so that it is never there without the claim.
-- What a chunk shares is given with its first job only, in one text, since each column of each row costs: lane, priority,
-- attempt, max_attempts, remembered, how many jobs its row of ready stood for, run_at, created_at; and with the first job
-- of all claim_id and claimed_at. The order is not promised.
with me as materialized (
  select id, set_config('synchronous_commit', 'off', true) from {schema}.worker
  where id = $2::int and ended_at is null for key share),
lanes as materialized (
  select l.id, best.priority, best.run_at, best.id best_id from me cross join {schema}.lane l
  cross join lateral (  -- not "exists", which would be made a join that reads the whole of ready
    select priority, run_at, id from {schema}.ready r where r.lane = l.id order by r.priority, r.run_at, r.id limit 1) best
  where ($5::boolean or l.task_identifier = any ($3::text[])) and not l.flags && $4::text[]),
candidates as materialized (  -- more than are wanted, since others may have locked the first
  select c.* from lanes l cross join lateral (
    select * from (
      select ctid tid, priority, run_at, id from {schema}.ready r
      where r.lane = l.id and (r.priority, r.run_at, r.id) >= (l.priority, l.run_at, l.best_id)
      order by r.priority, r.run_at, r.id limit 2 * {rows} + 64) x
    limit 2 * $6::int + 64) c
  where (select count(*) from lanes) > 1
  order by 2, 3, 4 limit 2 * {rows} + 64),
taken as (
  delete from {schema}.ready where ctid = any (case when (select count(*) from lanes) = 1
    then array(
      select x.tid from lanes l cross join lateral (
        select r.ctid tid from {schema}.ready r
        where r.lane = l.id and (r.priority, r.run_at, r.id) >= (l.priority, l.run_at, l.best_id)
        order by r.priority, r.run_at, r.id limit {rows} for update skip locked) x
      limit $6::int)
    else array(
      select x.tid from (
        select r.ctid tid from {schema}.ready r where r.ctid = any (array(select tid from candidates limit 2 * $6::int + 64))
        order by r.priority, r.run_at, r.id limit {rows} for update skip locked) x
      limit $6::int) end)
  returning *),
chunks as (
  select *, greatest(0, least(jobs, $1::int - before))::int wanted
  from (select *, sum(jobs) over (order by priority, run_at, id) - jobs before from taken) x),
rest as (
  insert into {schema}.ready (lane, priority, run_at, id, jobs, attempts, remembered)
  select lane, priority, run_at, id + wanted, jobs - wanted, attempts, remembered from chunks where wanted < jobs),
made as (
  insert into {schema}.claim (id, worker, claimed_at, open_jobs, first_ids, counts, attempts)
  select {schema}.claim_id($7::bigint), $2::int, clock_timestamp(), sum(wanted), array_agg(id), array_agg(wanted::smallint), array_agg(attempts)
  from chunks where wanted > 0 having count(*) > 0
  returning id, claimed_at)
select j.id, j.payload, j.queue, j.job_key, j.correlation_id, j.metadata,
  case when j.id = c.id then concat_ws(',', c.lane, c.priority, c.attempts + 1, j.max_attempts, c.remembered, c.jobs, c.run_at, j.created_at,
    case when c.before = 0 then made.id end, case when c.before = 0 then made.claimed_at end) end chunk
from made cross join chunks c
cross join lateral (select * from {schema}.job where id >= c.id and id < c.id + c.wanted) j;

-- name: TakeBackClaim
-- Gives back the claim of worker $1 and number $2, if it was made. False: call it again later. See take_back.
-- Index: claim_pkey, claim_worker_idx. Locks: the claim's id, for at most 100 ms, then as Settle.
select {schema}.take_back($1::int, $2::bigint);

-- name: ReadMemories
-- What is remembered of the jobs $1. Index: job_memory_pkey.
select job_id, interruptions, partial_success - 'results', partial_success->>'results' from {schema}.job_memory where job_id = any ($1::bigint[]);

-- name: CompletePlain
-- Completes jobs that have no key, no serial queue, no memory and leave no detail. $1 to $4 are groups of reports that share
-- their claim and attempt: claim ids, attempts, and positions (from 1) of the first and the last in $5 job ids, $6 execution
-- and $7 queue times in microseconds; $8 the worker. Returns the jobs that were not held by their claims because they
-- had been given back, as (claim_id, job_id, recorded_at), and the time of the recording in a row with null ids.
-- A job that is reported twice is a unique violation: then nothing has happened, and settle sorts it out.
-- Index: claim_pkey. Locks: claims in order of id, FOR NO KEY UPDATE.
with spans as materialized (
  select * from unnest($1::bigint[], $2::smallint[], $3::int[], $4::int[]) u(claim_id, attempt, first, last)),
claims as materialized (
  select id, open_jobs, returned, returned = '{}' untouched from {schema}.claim
  where id = any ($1::bigint[]) order by id for no key update),
held as materialized (
  select s.*, c.open_jobs, c.returned, c.untouched,
    case when c.untouched then last - first + 1
         else (select count(*)::int from unnest(($5::bigint[])[first:last]) i where not i = any (c.returned)) end jobs
  from spans s join claims c on c.id = s.claim_id),
numbered as materialized (select nextval('{schema}.recording_sequence') number, clock_timestamp() moment),
outcomes as (
  insert into {schema}.attempt_outcome (job_id, claim_id, recording, finished_at, execution_us, queue_us, worker, attempt, outcome, final)
  select r.job_id, h.claim_id, number, moment, r.execution_us, r.queue_us, $8::int, h.attempt, 'c', true
  from numbered cross join held h cross join lateral (
    select unnest(($5::bigint[])[first:last]) job_id, unnest(($6::bigint[])[first:last]) execution_us,
      unnest(($7::bigint[])[first:last]) queue_us) r
  where h.untouched or not r.job_id = any (h.returned)),
counts as materialized (select claim_id, open_jobs, sum(jobs)::int jobs from held group by 1, 2),
ended as (
  delete from {schema}.claim c using counts n where c.id = n.claim_id and n.open_jobs = n.jobs),
smaller as (
  update {schema}.claim c set open_jobs = c.open_jobs - n.jobs from counts n where c.id = n.claim_id and n.open_jobs > n.jobs)
select null::bigint, null::bigint, moment from numbered
union all
select s.claim_id, i, null from spans s left join claims c on c.id = s.claim_id
  cross join lateral unnest(($5::bigint[])[first:last]) i
  where c.id is null or not c.untouched and i = any (c.returned);
