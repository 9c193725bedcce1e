-- Requests that are done once. Parameters $1 to $3 are the id, the method and the digest (as hexadecimal text).

-- name: FindRequest
-- Index: the primary key. Locks: none. See find_request.
select {schema}.find_request($1, $2, decode($3, 'hex'));

-- name: KeepRequest
-- Index: the primary key. Locks: the row of this id, at the end of the transaction; who makes the same request waits for its end.
select {schema}.keep_request($1, $2, decode($3, 'hex'), $4);

-- name: AddJobOnce
-- As AddJob with $4 to $14, in one statement that commits by itself. The reply, and whether the request was made before. No row if
-- the names must be made first. Index and locks: as AddJob, then KeepRequest.
with before as materialized (select {schema}.find_request($1, $2, decode($3, 'hex')) reply),
names as materialized (
  select {schema}.find_lane($4, $12::text[]) lane, {schema}.find_queue(nullif($6, '')) queue from before where reply is null),
added as materialized (
  select j.id || left(j.result, 1) reply from names
  cross join lateral {schema}.add_valid_job(lane, $5::jsonb, queue, coalesce(nullif($7, '')::timestamptz, now()),
    $8::int, $9::int, nullif($10, ''), nullif($11, ''), nullif($13, ''), nullif($14, '')::jsonb) j
  where lane is not null and ($6 = '' or queue is not null)),
kept as materialized (
  select reply, {schema}.keep_request($1, $2, decode($3, 'hex'), reply) from added)
select reply, true repeated from before where reply is not null
union all
select reply, false from kept;

-- name: ForgetRequests
-- Up to 10,000 that are older than 24 hours. Index: that of the time. Locks: these rows; those of others are skipped.
with gone as (
  delete from {schema}.request where ctid = any (array(
    select ctid from {schema}.request where at < clock_timestamp() - interval '24 hours' limit 10000 for update skip locked))
  returning 1)
select count(*) from gone;
