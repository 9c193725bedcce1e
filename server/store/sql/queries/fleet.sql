-- Which pools there are, what is saved of them, and what servers ask of each other. All tables here are small.

-- name: ReportPool
-- What a server says of its pool: $1 worker id, $2 pool name, $3 host, $4 pid, $5 version, $6 patience in ms, $7 state, $8 concurrency,
-- $9 active, $10 buffered. Index: pool_pkey. Locks: its own row, which nobody else locks for long.
insert into {schema}.pool as p (worker_id, pool_name, host, pid, version, patience_ms, state, concurrency, active, buffered)
values ($1, $2, $3, $4::int, $5, $6::bigint, $7::"char", $8::int, $9::int, $10::int)
on conflict (worker_id) do update set seen_at = clock_timestamp(), state = excluded.state, concurrency = excluded.concurrency,
  active = excluded.active, buffered = excluded.buffered;

-- name: RemovePool
-- Index: pool_pkey.
delete from {schema}.pool where worker_id = $1;

-- name: RemoveLeftovers
-- Rows of servers that were lost $1 ms ago or longer, and requests that nobody waits for. Reads both tables whole. Locks: only what
-- nobody else has locked.
with gone as (
  delete from {schema}.pool where worker_id in (
    select worker_id from {schema}.pool where seen_at + (patience_ms + $1::bigint) * interval '1 ms' < clock_timestamp() for update skip locked))
delete from {schema}.fleet_request where id in (
  select id from {schema}.fleet_request where keep_until < clock_timestamp() for update skip locked);

-- name: ListPools
-- Every server process, with the last registration of its pool; then pools that hold a lease and say nothing of themselves, since their
-- servers are older. Ages are by the database's clock. Index: worker_worker_id_idx, worker_id_idx (those that live). No locks.
with moment as materialized (select clock_timestamp() now)
select p.worker_id, p.pool_name, p.host, p.pid, p.version, p.started_at,
  case when p.seen_at + p.patience_ms * interval '1 ms' < now then 'l' else p.state end state,
  p.concurrency, p.active, p.buffered,
  (extract(epoch from now - p.seen_at) * 1000)::bigint seen_ago_ms,
  w.lease_ttl_ms, (extract(epoch from now - w.renewed_at) * 1000)::bigint renewed_ago_ms, w.ended_at is not null ended
from moment cross join {schema}.pool p
left join lateral (
  select lease_ttl_ms, renewed_at, ended_at from {schema}.worker w where w.worker_id = p.worker_id order by id desc limit 1) w on true
union all
select worker_id, pool_name, host, pid, version, started_at, 'u', 0, 0, 0, null, lease_ttl_ms, null, false
from {schema}.worker w
where ended_at is null and not exists (select from {schema}.pool p where p.worker_id = w.worker_id)
order by 2, 6, 1;

-- name: AskPools
-- $1 worker ids, $2 who asks, $3 method, $4 payload, $5 for how many ms it may be taken, $6 for how many it is kept. Returns the ids of the
-- requests with the worker ids. No conflict is possible: they are new rows.
with asked as (
  insert into {schema}.fleet_request (worker_id, asked_by, method, payload, expires_at, keep_until)
  select u, $2, $3, $4, clock_timestamp() + $5::bigint * interval '1 ms', clock_timestamp() + $6::bigint * interval '1 ms'
  from unnest($1::text[]) u returning id, worker_id),
told as (select pg_notify('{schema}_fleet', ''))
select id, worker_id from asked cross join told;

-- name: TakeRequests
-- What is asked of $1 and is not answered, but for what it has in hand ($2, ids): what was not taken, which it now is, and what was taken
-- by a call whose reply was lost. Nobody else takes it. In the order of asking. Reads the table whole: it has a row for each request that
-- somebody waits for just now. Locks: its own requests; the asker, who may be removing them, is skipped.
with taken as (
  update {schema}.fleet_request set taken = true where id in (
    select id from {schema}.fleet_request where worker_id = $1 and code is null and (taken or expires_at > clock_timestamp())
      and id <> all ($2::bigint[]) for update skip locked)
  returning id, asked_by, method, payload)
select * from taken order by id;

-- name: AnswerRequest
-- $1 id, $2 code, $3 message, $4 reply. Nothing happens if whoever asked has given up. Index: fleet_request_pkey.
with answered as (
  update {schema}.fleet_request set code = $2::int, message = $3, reply = $4 where id = $1::bigint returning id)
select pg_notify('{schema}_fleet', '') from answered;

-- name: ReadAnswers
-- Of the requests $1: whether each was taken, its answer, and whether the server that was asked is lost. Index: fleet_request_pkey, pool_pkey.
select r.id, r.taken, r.code, r.message, r.reply,
  p.worker_id is null or p.seen_at + p.patience_ms * interval '1 ms' < clock_timestamp() lost
from {schema}.fleet_request r left join {schema}.pool p using (worker_id) where r.id = any ($1::bigint[]);

-- name: WithdrawRequests
-- Removes the requests $1; returns them, each with whether it had been taken. Index: fleet_request_pkey. Locks: the requests in order of id; waits for a server that
-- takes or answers one just now.
with locked as materialized (
  select id, taken from {schema}.fleet_request where id = any ($1::bigint[]) order by id for update),
gone as (delete from {schema}.fleet_request where id in (select id from locked))
select id, taken from locked;

-- name: LoadSavedPool
-- Index: saved_pool_pkey.
select stopped, concurrency, array_to_json(task_identifiers), array_to_json(forbidden_flags) from {schema}.saved_pool where pool_name = $1;

-- name: SavePool
-- $1 pool name; then what is to be saved of it: null leaves what there is. Index: saved_pool_pkey. Locks: the one row.
insert into {schema}.saved_pool as s (pool_name, stopped, concurrency, task_identifiers, forbidden_flags)
values ($1, $2::boolean, $3::int, $4::text[], $5::text[])
on conflict (pool_name) do update set stopped = coalesce(excluded.stopped, s.stopped),
  concurrency = coalesce(excluded.concurrency, s.concurrency),
  task_identifiers = coalesce(excluded.task_identifiers, s.task_identifiers),
  forbidden_flags = coalesce(excluded.forbidden_flags, s.forbidden_flags), saved_at = clock_timestamp();

-- name: ClearSavedPool
-- Index: saved_pool_pkey.
delete from {schema}.saved_pool where pool_name = $1;
