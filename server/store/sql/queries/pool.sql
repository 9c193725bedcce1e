-- What a pool does besides claiming and completing.

-- name: RegisterWorker
-- No conflict is possible: a registration is a new row.
insert into {schema}.worker (worker_id, pool_name, host, pid, version, lease_ttl_ms)
values ($1, $2, $3, $4::int, $5, $6::int) returning id;

-- name: Heartbeat
-- Index: worker_pkey. A heap-only update; waits for nobody but a rescue of this very worker. No row: the lease was ended.
update {schema}.worker set heartbeat = heartbeat + 1, renewed_at = clock_timestamp() where id = $1::int and ended_at is null returning id;

-- name: AnnounceIdle
-- As Heartbeat.
update {schema}.worker set idle = $2::boolean where id = $1::int and ended_at is null returning id;

-- name: PromoteDue
-- See promote_due: locks only what nobody else has locked.
select moved, next_due_ms from {schema}.promote_due($1::int);

-- name: RecordLastAttemptStarts
-- $1 claim ids, $2 job ids. Returns the positions, from 1, of those that their claims hold.
-- Index: claim_pkey, attempt_outcome's primary key. Locks: claims in order of id.
with asked as materialized (select * from unnest($1::bigint[], $2::bigint[]) with ordinality u(claim_id, job_id, position)),
claims as materialized (
  select id, returned from {schema}.claim where id in (select claim_id from asked) order by id for no key update),
held as materialized (
  select a.* from asked a join claims c on c.id = a.claim_id
  where not a.job_id = any (c.returned)
    and not exists (select from {schema}.attempt_outcome o where o.job_id = a.job_id and o.claim_id = a.claim_id)),
marked as (
  update {schema}.claim c set started_last = c.started_last || m.jobs
  from (select claim_id, array_agg(job_id) jobs from held group by 1) m where c.id = m.claim_id)
select position from held;

-- name: NoteKept
-- $1 claim ids, $2 job ids: what stays locked though it has not begun, each named once however often it is noted. Returns the
-- positions, from 1, of those that their claims hold.
-- Index: claim_pkey, attempt_outcome's primary key. Locks: claims in order of id.
with asked as materialized (select * from unnest($1::bigint[], $2::bigint[]) with ordinality u(claim_id, job_id, position)),
claims as materialized (
  select id, returned from {schema}.claim where id in (select claim_id from asked) order by id for no key update),
held as materialized (
  select a.* from asked a join claims c on c.id = a.claim_id
  where not a.job_id = any (c.returned)
    and not exists (select from {schema}.attempt_outcome o where o.job_id = a.job_id and o.claim_id = a.claim_id)),
marked as (
  update {schema}.claim c set kept = c.kept || array(select j from unnest(m.jobs) j where not j = any (c.kept))
  from (select claim_id, array_agg(job_id) jobs from held group by 1) m where c.id = m.claim_id)
select position from held;

-- name: Settle
-- $1 worker; then one array each, in the order of the type report. Empty texts stand for null. See settle.
select claim_id, job_id, verdict, recorded_at, reason from {schema}.settle($1::int, (
  select array_agg(row(claim_id, job_id, outcome, attempt, exhausted, delay_ms, execution_us, queue_us,
    nullif(error_message, ''), nullif(error_detail, ''), nullif(result, '')::jsonb, nullif(partial_success, '')::jsonb)::{schema}.report)
  from unnest($2::bigint[], $3::bigint[], $4::"char"[], $5::smallint[], $6::boolean[], $7::bigint[], $8::bigint[], $9::bigint[],
    $10::text[], $11::text[], $12::text[], $13::text[])
    u(claim_id, job_id, outcome, attempt, exhausted, delay_ms, execution_us, queue_us, error_message, error_detail, result, partial_success)));

-- name: LockClaim
-- Waits for whoever records something of claim $1. Index: claim_pkey.
select id from {schema}.claim where id = $1::bigint for no key update;

-- name: FindCompletion
-- When job $1 was completed under claim $2. Index: attempt_outcome's primary key. Locks: none.
select finished_at from {schema}.attempt_outcome where job_id = $1::bigint and claim_id = $2::bigint and outcome = 'c';

-- name: WriteProgress
-- See write_progress: index claim_pkey, progress_pkey; locks claims in order of id.
select {schema}.write_progress($1::bigint[], $2::bigint[], $3::float8[], $4::text[], $5::text[]);

-- name: ListCancelled
-- What worker $1 holds of jobs that were cancelled. Index: claim_worker_idx; the marks, which are few, are read whole.
select h.claim_id, h.job_id from (select array_agg(job_id) ids from {schema}.cancel_mark) marks
  cross join lateral {schema}.holds(marks.ids) h where marks.ids is not null and h.worker = $1::int;

-- name: ListLeases
-- Workers whose lease has not been ended, and those that are ended and still hold something.
-- Index: worker_id_idx (those that live), claim_worker_idx.
select id, worker_id, heartbeat, lease_ttl_ms from {schema}.worker where ended_at is null
union
select w.id, w.worker_id, w.heartbeat, w.lease_ttl_ms from {schema}.worker w
where ended_at is not null and id in (select worker from {schema}.claim);

-- name: Rescue
-- See rescue: locks the worker's row, then its claims in order of id, but for those that another works on.
select {schema}.rescue($1::int);

-- name: LimitLockWaits
-- No lock is waited for longer in this transaction: whoever rescues has a lease of its own to keep, and comes again.
select set_config('lock_timeout', '2s', true);

-- name: ReadTransactionId
-- By which the fate of this transaction can be asked, should the answer to its commit be lost.
select pg_current_xact_id()::text;

-- name: HasCommitted
-- Whether transaction $1, which has ended, did commit. Not if a crash of the database has undone that there ever was one.
select coalesce(case when $1::text::xid8 < pg_snapshot_xmax(pg_current_snapshot())
                     then pg_xact_status($1::text::xid8) end = 'committed', false);

-- name: ReadLanes
-- Tasks and flags of lanes. Index: lane_pkey.
select id, task_identifier, array_to_json(flags) from {schema}.lane where id = any ($1::int[]);

-- name: ReadQueueNames
-- Index: queue_pkey.
select id, name from {schema}.queue where id = any ($1::int[]);
