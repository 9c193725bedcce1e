-- Walking over jobs, newest first, for a list of them. One statement for each place where jobs are; all have the parameters
--   $1  only ids below this one
--   $2  rows to find, at most
--   $3, $4  true for any task, or else the lanes of those asked for
--   $5, $6  true for any serial queue or none, or else the queues asked for
-- and return (id, jobs): `jobs` consecutive jobs that match, from `id` on. However many jobs there are, a statement looks at a bounded number
-- of rows, by an index in falling order of ids, and stops when it has found enough. Where it ends before that, it
-- returns a row with 0 jobs: what is below this id has not been looked at.
--
-- How the bound is kept under a generic plan:
--   * Limits of the walk are literals. 10,000 rows where the row itself tells whether it matches, 2,000 where each is looked up elsewhere.
--   * What is looked up stands in a lateral subquery with a limit, or is a scalar one: neither is made a join that reads the other table whole.
-- Locks: none.

-- name: ResolveNames
-- The lanes of tasks $1 and the ids of serial queues $2. Index: the unique ones of lane and queue.
select array(select id from {schema}.lane where task_identifier = any ($1::text[])),
       array(select id from {schema}.queue where name = any ($2::text[]));

-- name: WalkAll
-- In any state. Index: job's primary key.
with found as materialized (
  select id from (
    select id, lane, queue from {schema}.job where id < $1::bigint order by id desc limit 10000) w
  where ($3::boolean or lane in (select unnest($4::int[]))) and ($5::boolean or queue in (select unnest($6::int[])))
  order by id desc limit $2::int)
select id, 1 jobs from found
union all
select id, 0 from (select id from {schema}.job where id < $1::bigint order by id desc offset 9999 limit 1) w
where (select count(*) from found) < $2::int;

-- name: WalkReady
-- Of serial queues, only the heads can be ready. Of any queue or none: where the lanes have no more than 10,000 rows of ready, these are
-- read; else the newest jobs are, and each is looked for in ready. An index of ready by id would cost each claim.
-- Index: ready_pkey, queue's, job's and job_memory's primary keys.
with few as materialized (
  (select r.id, r.jobs from {schema}.lane l cross join lateral (
     select id, jobs from {schema}.ready r where r.lane = l.id order by r.priority, r.run_at, r.id limit 10001) r
   where $5::boolean and ($3::boolean or l.id in (select unnest($4::int[]))) limit 10001)
  union all
  (select h.head, 1
   from (select head from {schema}.queue where not $5::boolean and id = any ($6::int[]) and head < $1::bigint limit 10000) h
   cross join lateral (select lane, priority, run_at from {schema}.job j where j.id = h.head limit 1) j
   cross join lateral (
     select coalesce((select m.run_at from {schema}.job_memory m where m.job_id = h.head), j.run_at) run_at limit 1) m
   cross join lateral (
     select from {schema}.ready c where c.lane = j.lane and c.priority = j.priority and c.run_at = m.run_at and c.id = h.head limit 1) c
   where $3::boolean or j.lane in (select unnest($4::int[])))),
are_few as materialized (select count(*) <= 10000 yes from few),
found as materialized (
  select w.id from (
    select id, lane, priority, run_at from {schema}.job where id < $1::bigint order by id desc limit 2000) w
  cross join lateral (
    select coalesce((select m.run_at from {schema}.job_memory m where m.job_id = w.id), w.run_at) run_at limit 1) m
  cross join lateral (
    select c.id, c.jobs from {schema}.ready c
    where c.lane = w.lane and c.priority = w.priority and c.run_at = m.run_at and c.id <= w.id order by c.id desc limit 1) c
  where not (select yes from are_few) and c.id + c.jobs > w.id and ($3::boolean or w.lane in (select unnest($4::int[])))
  order by w.id desc limit $2::int)
(select id, jobs::int from few where (select yes from are_few) and id < $1::bigint order by id desc limit $2::int)
union all
select id, 1 from found
union all
select id, 0 from (select id from {schema}.job where id < $1::bigint order by id desc offset 1999 limit 1) w
where not (select yes from are_few) and (select count(*) from found) < $2::int;

-- name: WalkScheduled
-- Index: scheduled_pkey, and job's for the lane, which all jobs of a row share.
with found as materialized (
  select w.id, w.jobs from (
    select id, jobs, queue from {schema}.scheduled where id < $1::bigint order by id desc limit 2000) w
  where ($5::boolean or queue in (select unnest($6::int[])))
    and ($3::boolean or (select j.lane from {schema}.job j where j.id = w.id) in (select unnest($4::int[])))
  order by w.id desc limit $2::int)
select id, jobs::int from found
union all
select id, 0 from (select id from {schema}.scheduled where id < $1::bigint order by id desc offset 1999 limit 1) w
where (select count(*) from found) < $2::int;

-- name: WalkFollowers
-- Index: follower_id_idx, and job's for the lane.
with found as materialized (
  select w.id from (
    select id, queue from {schema}.follower where id < $1::bigint order by id desc limit 2000) w
  where ($5::boolean or queue in (select unnest($6::int[])))
    and ($3::boolean or (select j.lane from {schema}.job j where j.id = w.id) in (select unnest($4::int[])))
  order by w.id desc limit $2::int)
select id, 1 jobs from found
union all
select id, 0 from (select id from {schema}.follower where id < $1::bigint order by id desc offset 1999 limit 1) w
where (select count(*) from found) < $2::int;

-- name: WalkHeld
-- Claims, which are few and short, are read whole; what they held and hold no more is found by attempt_outcome's primary key.
with held as materialized (
  select i id, c.id claim_id from {schema}.claim c cross join unnest(c.first_ids, c.counts) h(first_id, jobs)
  cross join generate_series(h.first_id, h.first_id + h.jobs - 1) i
  where i < $1::bigint and not i = any (c.returned) order by i desc limit 2000),
found as materialized (
  select w.id from (select id, claim_id from held order by id desc limit 2000) w
  cross join lateral (select lane, queue from {schema}.job j where j.id = w.id limit 1) j
  where ($3::boolean or j.lane in (select unnest($4::int[]))) and ($5::boolean or j.queue in (select unnest($6::int[])))
    and (select count(*) from {schema}.attempt_outcome o where o.job_id = w.id and o.claim_id = w.claim_id) = 0
  order by w.id desc limit $2::int)
select id, 1 jobs from found
union all
select id, 0 from (select id from held order by id desc offset 1999 limit 1) w
where (select count(*) from found) < $2::int;

-- name: WalkExhausted
-- Index: exhausted_pkey, and job's.
with found as materialized (
  select w.id from (
    select id from {schema}.exhausted where id < $1::bigint order by id desc limit 2000) w
  cross join lateral (select lane, queue from {schema}.job j where j.id = w.id limit 1) j
  where ($3::boolean or j.lane in (select unnest($4::int[]))) and ($5::boolean or j.queue in (select unnest($6::int[])))
  order by w.id desc limit $2::int)
select id, 1 jobs from found
union all
select id, 0 from (select id from {schema}.exhausted where id < $1::bigint order by id desc offset 1999 limit 1) w
where (select count(*) from found) < $2::int;

-- name: WalkCompleted
-- Walks over all attempts. Of the job at which it ends it may have seen some only, so that this one is looked at by itself, and may be
-- returned twice. Index: attempt_outcome's primary key, and job's.
with found as materialized (
  select w.job_id id from (
    select job_id, outcome, final from {schema}.attempt_outcome where job_id < $1::bigint order by job_id desc limit 2000) w
  cross join lateral (select lane, queue from {schema}.job j where j.id = w.job_id limit 1) j
  where w.final and w.outcome = 'c'
    and ($3::boolean or j.lane in (select unnest($4::int[]))) and ($5::boolean or j.queue in (select unnest($6::int[])))
  order by w.job_id desc limit $2::int),
last as materialized (
  select id from (select job_id id from {schema}.attempt_outcome where job_id < $1::bigint order by job_id desc offset 1999 limit 1) w
  where (select count(*) from found) < $2::int)
select id, 1 jobs from found
union all
select id, 0 from last
union all
select w.id, 1 from last w
cross join lateral (select lane, queue from {schema}.job j where j.id = w.id limit 1) j
cross join lateral (select from {schema}.attempt_outcome o where o.job_id = w.id and final and outcome = 'c' limit 1) o
where ($3::boolean or j.lane in (select unnest($4::int[]))) and ($5::boolean or j.queue in (select unnest($6::int[])));

-- name: WalkCancelled
-- Index: attempt_outcome's of cancelled jobs, and job's.
with found as materialized (
  select w.job_id id from (
    select job_id from {schema}.attempt_outcome where outcome = 'k' and final and job_id < $1::bigint order by job_id desc limit 2000) w
  cross join lateral (select lane, queue from {schema}.job j where j.id = w.job_id limit 1) j
  where ($3::boolean or j.lane in (select unnest($4::int[]))) and ($5::boolean or j.queue in (select unnest($6::int[])))
  order by w.job_id desc limit $2::int)
select id, 1 jobs from found
union all
select id, 0 from (
  select job_id id from {schema}.attempt_outcome where outcome = 'k' and final and job_id < $1::bigint order by job_id desc offset 1999 limit 1) w
where (select count(*) from found) < $2::int;
