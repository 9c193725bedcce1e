-- The tables of a queue, and the operations that are more than one plain statement.
--
-- {schema} stands for the name of the schema; it is put in when the file is run. docs/decisions/0002-storage.md
-- tells why the tables are as they are. In short:
--
--   job      written when a job is added; what was asked. Its history is the rows of attempt_outcome.
--   A job that has not ended waits in exactly one of
--     ready      can be claimed now; one row stands for `jobs` consecutive ids of one lane
--     scheduled  not due yet, or on its way to its serial queue
--     follower   behind the head of its serial queue
--     claim      held by a pool; the row goes when its last job is reported
--     exhausted  no attempts left; an operator may retry it
--   A job that has ended has one row of attempt_outcome with final = true, and waits nowhere.
--
-- Order of locks, so that nothing deadlocks: rows of job, then claims in order of id, then job keys, then the
-- places, then queues in order of id. A claim and a report never wait for what an open transaction
-- of an application may have locked (rows of job, job keys): they skip it and come back later.

-- Ids of jobs are day * 10^12 + running number (day 0 = 2025-01-01 UTC): partitions by id are partitions by time, the id alone
-- finds its partition, and ids stay below 2^53 until the year 2049.
-- Only of immutable parts, so that PostgreSQL puts it in line: a call of it would cost each claim 80 microseconds.
create function {schema}.day_number(p_at timestamptz) returns bigint language sql immutable as
  $$ select (($1 at time zone 'UTC')::date - date '2025-01-01')::bigint $$;
-- A step is a block of 100 ids, so that jobs which are added together can be consecutive.
create sequence {schema}.job_id_sequence minvalue 0 maxvalue 999999999900 increment 100 cycle;
create sequence {schema}.recording_sequence;
create function {schema}.new_job_id() returns bigint language sql volatile as
  $$ select {schema}.day_number(clock_timestamp()) * 1000000000000 + nextval('{schema}.job_id_sequence') $$;
-- The number of a claim is its fence, and a crash of the database may undo a claim that a pool still believes in. A sequence
-- would be undone with it and give the number once more; this is drawn at random, by the pool itself, which so can name a
-- claim of which it does not know whether it was made (docs/decisions/0007-lost-claims.md).
create function {schema}.claim_id(p_number bigint) returns bigint language sql volatile as
  $$ select {schema}.day_number(clock_timestamp()) * 1000000000000 + p_number $$;

-- A kind of jobs that a pool may take or not: a claim looks only into the lanes that it may run.
create table {schema}.lane (
  id int generated always as identity primary key,
  task_identifier text not null,
  flags text[] not null default '{}',  -- sorted, distinct
  unique (task_identifier, flags));

-- One registration of one pool. Rows stay when the pool has gone: history names them.
create table {schema}.worker (
  id int generated always as identity primary key,
  worker_id text not null,
  pool_name text not null,
  host text not null,
  pid int not null,
  version text not null,
  lease_ttl_ms int not null,
  heartbeat bigint not null default 0,  -- rises with every renewal of the lease
  idle boolean not null default false,  -- adders should notify
  started_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz)  -- the lease was ended: nothing is claimed for it any more
  with (fillfactor = 50);
create index on {schema}.worker (id) where ended_at is null;

create table {schema}.job (
  id bigint primary key,
  lane int not null,
  priority smallint not null,
  max_attempts smallint not null,
  queue int,
  created_at timestamptz not null default now(),
  run_at timestamptz not null,
  job_key text,
  correlation_id text,
  metadata jsonb,
  payload jsonb not null) partition by range (id);

-- One row for each attempt that ended. The primary key is the fence against a report that comes twice.
-- outcome: c completed, f failed, p partial success, s snoozed, k cancelled, i interrupted, l lost.
create table {schema}.attempt_outcome (
  job_id bigint not null,
  claim_id bigint not null,
  recording bigint not null,
  finished_at timestamptz not null,
  execution_us bigint not null,
  queue_us bigint not null,
  worker int not null,
  attempt smallint not null,
  outcome "char" not null,
  final boolean not null,
  primary key (job_id, claim_id)) partition by range (claim_id);
create index on {schema}.attempt_outcome using brin (recording, finished_at) with (pages_per_range = 16);
-- For lists of cancelled jobs, which are few among many.
create index on {schema}.attempt_outcome (job_id) where outcome = 'k';

-- Only where there is any of it.
create table {schema}.attempt_detail (
  job_id bigint not null,
  claim_id bigint not null,
  error_message text,
  error_detail text,
  result jsonb,
  partial_success jsonb,
  primary key (job_id, claim_id)) partition by range (claim_id);

-- Partitions that are missing, first the earliest. Weeks, not days: every claim and report pays for each partition that there is.
create function {schema}.missing_partitions(p_until timestamptz, out parent text, out first_day bigint) returns setof record
language sql stable as $$
  select t, d from {schema}.day_number(clock_timestamp()) n
  cross join generate_series(n - n % 7, {schema}.day_number(p_until), 7) d
  cross join unnest(array['job', 'attempt_outcome', 'attempt_detail']) with ordinality u(t, position)
  where to_regclass(format('{schema}.%s_%s', t, d)) is null order by d, position $$;

-- Makes one partition, of the week that begins with p_first_day. Attached, which hinders nobody who works on other partitions, where
-- "create table ... partition of" would lock out all. Still the rest must be locked for a moment: an open transaction that has read
-- it (with a key, add_job does) is not waited for, since everybody else would wait behind us. False: try again later.
create function {schema}.make_partition(p_parent text, p_first_day bigint) returns boolean language plpgsql
set lock_timeout = '200ms' as $$
declare
  t text := format('{schema}.%s_%s', p_parent, p_first_day);
begin
  -- One at a time; a partition that another has made is found then.
  perform pg_advisory_xact_lock(hashtextextended('{schema}.make_partition', 0));
  if to_regclass(t) is not null then return true; end if;
  execute format('create table %s (like {schema}.%s including defaults)', t, p_parent);
  execute format('alter table {schema}.%s attach partition %s for values from (%s) to (%s)', p_parent, t,
                 p_first_day * 1000000000000, (p_first_day + 7) * 1000000000000);
  return true;
exception
  when check_violation then
    -- Jobs of this week are in the rest already, since nobody made partitions in time: the week stays there.
    return true;
  when lock_not_available then
    return false;
end $$;
-- So that adding never depends on maintenance having run.
create table {schema}.job_rest partition of {schema}.job default;
create table {schema}.attempt_outcome_rest partition of {schema}.attempt_outcome default;
create table {schema}.attempt_detail_rest partition of {schema}.attempt_detail default;

-- `attempts` is the number counted before the next one; `remembered` tells that job_memory has a row.
-- The rows of a chunk were added together: they share all that is here, created_at and max_attempts.
create table {schema}.ready (
  lane int not null,
  priority smallint not null,
  run_at timestamptz not null,
  id bigint not null,
  jobs smallint not null default 1,
  attempts smallint not null default 0,
  remembered boolean not null default false,
  primary key (lane, priority, run_at, id));

create table {schema}.scheduled (
  due timestamptz not null,
  id bigint primary key,
  jobs smallint not null default 1,
  attempts smallint not null default 0,
  queue int,
  remembered boolean not null default false);
create index on {schema}.scheduled (due, id);

-- head: the one job of the queue that is ready or held.
create table {schema}.queue (
  id int generated always as identity primary key,
  name text not null unique,
  head bigint) with (fillfactor = 50);

create table {schema}.follower (
  queue int not null,
  priority smallint not null,
  run_at timestamptz not null,
  id bigint not null,
  attempts smallint not null default 0,
  remembered boolean not null default false,
  primary key (queue, priority, run_at, id));
create unique index on {schema}.follower (id);
-- Queues whose best follower was locked when a head was looked for: promote_due looks again.
create table {schema}.queue_to_fill (queue int not null);

-- What one claim of one pool holds: runs of `counts[i]` ids from `first_ids[i]`, all claimed with `attempts[i]` attempts
-- before. `open_jobs` of them are neither reported nor given back.
create table {schema}.claim (
  id bigint primary key,
  worker int not null,
  claimed_at timestamptz not null,
  open_jobs int not null,  -- 0 only where the claim is refused: see refuse_claim
  first_ids bigint[] not null,
  counts smallint[] not null,
  attempts smallint[] not null,
  returned bigint[] not null default '{}',  -- given back
  started_last bigint[] not null default '{}')  -- last attempts whose start is on record
  with (fillfactor = 50);
alter table {schema}.claim alter first_ids set storage external, alter counts set storage external,
  alter attempts set storage external;
create index on {schema}.claim (worker);

create table {schema}.exhausted (id bigint primary key, since timestamptz not null);

-- The job that holds a key. It may point to a job that has ended (then the key is free).
create table {schema}.job_key (job_key text primary key, job_id bigint not null);

-- What outlives an attempt of a job that runs again. run_at: the time of its retry.
create table {schema}.job_memory (
  job_id bigint primary key,
  run_at timestamptz,
  interruptions smallint not null default 0,
  partial_success jsonb);

-- A row is written by each transaction that adds jobs, so that its deferred trigger looks, when it
-- commits, whether some pool is idle, and then notifies. The row itself means nothing.
create unlogged table {schema}.added (notice int not null);

alter table {schema}.ready set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
alter table {schema}.scheduled set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
alter table {schema}.claim set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
alter table {schema}.added set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);


create function {schema}.notify_if_idle() returns trigger language plpgsql as $$
begin
  if exists (select from {schema}.worker where idle and ended_at is null) then
    perform pg_notify('{schema}_added', '');
  end if;
  delete from {schema}.added where notice = new.notice;
  return null;
end $$;
create constraint trigger notify_if_idle after insert on {schema}.added deferrable initially deferred
  for each row execute function {schema}.notify_if_idle();

-- Once for each transaction that added jobs.
create function {schema}.announce_added() returns void language plpgsql as $$
begin
  if current_setting('{schema}.announced', true) is distinct from pg_current_xact_id()::text then
    perform set_config('{schema}.announced', pg_current_xact_id()::text, true);
    insert into {schema}.added values (pg_backend_pid());
  end if;
end $$;

create function {schema}.sorted_flags(p_flags text[]) returns text[] language sql immutable as
  $$ select coalesce(array(select distinct x from unnest(p_flags) x order by x), '{}') $$;
create function {schema}.find_lane(p_task_identifier text, p_flags text[]) returns int language sql stable as
  $$ select id from {schema}.lane where task_identifier = p_task_identifier and flags = {schema}.sorted_flags(p_flags) $$;
create function {schema}.find_queue(p_name text) returns int language sql stable as
  $$ select id from {schema}.queue where name = p_name $$;

-- The lane of a task and flags, made where it is new. Then whoever wants the same waits for the end of our transaction.
create function {schema}.lane_of(p_task_identifier text, p_flags text[]) returns int language plpgsql as $$
declare
  found_id int := {schema}.find_lane(p_task_identifier, p_flags);
begin
  if found_id is null then
    insert into {schema}.lane (task_identifier, flags) values (p_task_identifier, {schema}.sorted_flags(p_flags)) on conflict do nothing;
    found_id := {schema}.find_lane(p_task_identifier, p_flags);
  end if;
  return found_id;
end $$;

create function {schema}.queue_of(p_name text) returns int language plpgsql as $$
declare
  found_id int := {schema}.find_queue(p_name);
begin
  if found_id is null then
    insert into {schema}.queue (name) values (p_name) on conflict do nothing;
    found_id := {schema}.find_queue(p_name);
  end if;
  return found_id;
end $$;

-- The same for servers, each in a transaction of its own before the one that adds: a server makes nobody wait for long, and does
-- not wait for long itself. Null if an open transaction is making it.
create function {schema}.make_lane(p_task_identifier text, p_flags text[]) returns int language plpgsql set lock_timeout = '2s' as $$
begin
  return {schema}.lane_of(p_task_identifier, p_flags);
exception when lock_not_available then
  return null;
end $$;
create function {schema}.make_queue(p_name text) returns int language plpgsql set lock_timeout = '2s' as $$
begin
  return {schema}.queue_of(p_name);
exception when lock_not_available then
  return null;
end $$;

-- Gives each of these queues its head. REQUIRES: the caller has locked the queues. Never waits.
create function {schema}.fill_queues(p_queues int[]) returns void language plpgsql as $$
begin
  -- A better follower displaces a head that nobody has claimed yet.
  with best as (
    select q.id queue, q.head, f.priority, f.run_at, f.id from {schema}.queue q
    cross join lateral (select priority, run_at, id from {schema}.follower f where f.queue = q.id
                        order by priority, run_at, id limit 1) f
    where q.id = any (p_queues) and q.head is not null),
  old as (
    select r.ctid from best b join {schema}.job j on j.id = b.head
    left join {schema}.job_memory m on m.job_id = j.id
    join {schema}.ready r on r.lane = j.lane and r.priority = j.priority
      and r.run_at = coalesce(m.run_at, j.run_at) and r.id = j.id
    where (r.priority, r.run_at, r.id) > (b.priority, b.run_at, b.id) for update of r skip locked),
  gone as (delete from {schema}.ready where ctid = any (array(select ctid from old)) returning *),
  back as (
    insert into {schema}.follower (queue, priority, run_at, id, attempts, remembered)
    select j.queue, g.priority, g.run_at, g.id, g.attempts, g.remembered from gone g join {schema}.job j on j.id = g.id)
  update {schema}.queue q set head = null from gone where q.id = any (p_queues) and q.head = gone.id;

  with best as materialized (
    select q.id queue, f.tid from {schema}.queue q
    cross join lateral (select ctid tid from {schema}.follower f where f.queue = q.id
                        order by priority, run_at, id limit 1 for update skip locked) f
    where q.id = any (p_queues) and q.head is null),
  gone as (delete from {schema}.follower where ctid = any (array(select tid from best)) returning *),
  heads as (
    insert into {schema}.ready (lane, priority, run_at, id, attempts, remembered)
    select j.lane, g.priority, g.run_at, g.id, g.attempts, g.remembered from gone g join {schema}.job j on j.id = g.id)
  update {schema}.queue q set head = gone.id from gone where q.id = gone.queue;

  insert into {schema}.queue_to_fill
  select id from {schema}.queue q where id = any (p_queues) and head is null
    and exists (select from {schema}.follower f where f.queue = q.id);
end $$;

-- These jobs have left the places: the queues whose heads they were get new ones. Locks those queues in order of id.
create function {schema}.free_queues(p_jobs bigint[]) returns void language plpgsql as $$
declare
  freed int[];
begin
  -- Only queues whose head is among them: who replaces a follower must not hold up the head that runs.
  select array_agg(id) into freed from (
    select id from {schema}.queue
    where id in (select queue from {schema}.job where id = any (p_jobs) and queue is not null) and head = any (p_jobs)
    order by id for update) x;
  if freed is null then return; end if;
  update {schema}.queue set head = null where id = any (freed) and head = any (p_jobs);
  perform {schema}.fill_queues(freed);
end $$;

-- Moves up to p_limit rows that have become due to where they can be claimed. Never waits for a lock. Returns how many, and in
-- how many milliseconds it should be called again; null if nothing waits for a time.
create function {schema}.promote_due(p_limit int, out moved int, out next_due_ms bigint) language plpgsql as $$
declare
  moved_serial int;
  queues int[];
begin
  if exists (select from {schema}.queue_to_fill) then
    with gone as (
      delete from {schema}.queue_to_fill where ctid = any (array(
        select f.ctid from {schema}.queue_to_fill f join {schema}.queue q on q.id = f.queue for update of f, q skip locked))
      returning queue)
    select array_agg(distinct queue) into queues from gone;
    if queues is not null then perform {schema}.fill_queues(queues); end if;
  end if;
  moved := 0;
  if exists (select from {schema}.scheduled where due <= statement_timestamp()) then
    with gone as (
      delete from {schema}.scheduled where ctid = any (array(
        select ctid from {schema}.scheduled where due <= statement_timestamp() and queue is null
        order by due, id for update skip locked limit p_limit))
      returning *),
    made as (
      insert into {schema}.ready (lane, priority, run_at, id, jobs, attempts, remembered)
      select j.lane, j.priority, g.due, g.id, g.jobs, g.attempts, g.remembered
      from gone g join {schema}.job j on j.id = g.id)
    select count(*) into moved from gone;
    with due as materialized (
      select s.ctid tid from {schema}.scheduled s join {schema}.queue q on q.id = s.queue
      where s.due <= statement_timestamp() order by s.due, s.id limit p_limit for update of s, q skip locked),
    gone as (delete from {schema}.scheduled where ctid = any (array(select tid from due)) returning *),
    made as (
      insert into {schema}.follower (queue, priority, run_at, id, attempts, remembered)
      select g.queue, j.priority, g.due, g.id, g.attempts, g.remembered from gone g join {schema}.job j on j.id = g.id)
    select count(*), array_agg(distinct queue) into moved_serial, queues from gone;
    if moved_serial > 0 then perform {schema}.fill_queues(queues); end if;
    moved := moved + moved_serial;
  end if;
  -- What is due and was not moved is locked by another, or beyond the limit.
  select case when moved >= p_limit then 0
              when min(due) is not null then ceil(greatest(extract(epoch from min(due) - clock_timestamp()) * 1000, 50)) end
    into next_due_ms from {schema}.scheduled;
end $$;

create type {schema}.waiting as (id bigint, attempts smallint, remembered boolean);

-- Removes jobs from wherever they wait, splitting chunks; returns those that it took. A job that is held or has
-- ended is not taken. REQUIRES: the caller has locked the rows of job (that settles who acts on a
-- job), and calls free_queues afterwards.
create function {schema}.take_waiting(p_ids bigint[]) returns setof {schema}.waiting language plpgsql as $$
declare
  remaining bigint[] := p_ids;
  r record;
  taken {schema}.waiting[];
  seen boolean;
begin
  loop
    seen := false;
    for r in  -- one snapshot over all places: a job that is in none of them is held or has ended
      select c.id as first_id, 'ready' as place, c.ctid as tid
        from {schema}.job j left join {schema}.job_memory m on m.job_id = j.id
        cross join lateral (
          select id, jobs, ctid from {schema}.ready c
          where c.lane = j.lane and c.priority = j.priority and c.run_at = coalesce(m.run_at, j.run_at) and c.id <= j.id
          order by c.id desc limit 1) c
        where j.id = any (remaining) and c.id + c.jobs > j.id group by 1, 2, 3
      union all
      select c.id, 'scheduled', c.ctid from unnest(remaining) u(id)
        cross join lateral (select id, jobs, ctid from {schema}.scheduled c where c.id <= u.id order by c.id desc limit 1) c
        where c.id + c.jobs > u.id group by 1, 2, 3
      union all
      select c.id, 'follower', c.ctid from {schema}.follower c where c.id = any (remaining)
      order by 1
    loop
      seen := true;
      if r.place = 'ready' then
        with gone as (delete from {schema}.ready where ctid = r.tid and id = r.first_id returning *),
        kept as (
          select g.*, j, j - row_number() over (order by j) run from gone g
          cross join generate_series(g.id, g.id + g.jobs - 1) j where not j = any (remaining)),
        back as (
          insert into {schema}.ready (lane, priority, run_at, id, jobs, attempts, remembered)
          select lane, priority, run_at, min(j), count(*), attempts, remembered from kept
          group by lane, priority, run_at, attempts, remembered, run)
        select array_agg(row(j, g.attempts, g.remembered)::{schema}.waiting) into taken from gone g
          cross join generate_series(g.id, g.id + g.jobs - 1) j where j = any (remaining);
      elsif r.place = 'scheduled' then
        with gone as (delete from {schema}.scheduled where ctid = r.tid and id = r.first_id returning *),
        kept as (
          select g.*, j, j - row_number() over (order by j) run from gone g
          cross join generate_series(g.id, g.id + g.jobs - 1) j where not j = any (remaining)),
        back as (
          insert into {schema}.scheduled (due, id, jobs, attempts, queue, remembered)
          select due, min(j), count(*), attempts, queue, remembered from kept
          group by due, attempts, queue, remembered, run)
        select array_agg(row(j, g.attempts, g.remembered)::{schema}.waiting) into taken from gone g
          cross join generate_series(g.id, g.id + g.jobs - 1) j where j = any (remaining);
      else
        with gone as (delete from {schema}.follower where ctid = r.tid and id = r.first_id returning *)
        select array_agg(row(id, attempts, remembered)::{schema}.waiting) into taken from gone;
      end if;
      if taken is not null then
        return query select * from unnest(taken);
        remaining := array(select x from unnest(remaining) x where not x in (select id from unnest(taken)));
      end if;
    end loop;
    -- A place that was seen but gave nothing was changed by another in between: look again.
    exit when not seen or cardinality(remaining) = 0;
  end loop;
end $$;

-- Makes jobs available again inside a server's own short transaction: plain ones straight to ready, serial ones to the
-- followers. REQUIRES: the caller calls free_queues with them afterwards.
create function {schema}.put_back(p_waiting {schema}.waiting[]) returns void language plpgsql as $$
begin
  with w as (
    select u.*, j.lane, j.priority, coalesce(m.run_at, j.run_at) run_at, j.queue, j.max_attempts
    from unnest(p_waiting) u join {schema}.job j on j.id = u.id
    left join {schema}.job_memory m on m.job_id = u.id),
  f as (
    insert into {schema}.follower (queue, priority, run_at, id, attempts, remembered)
    select queue, priority, run_at, id, attempts, remembered from w where queue is not null),
  -- Neighbours of one block of ids were added together; they become one chunk again.
  g as (
    select *, id - row_number() over (partition by lane, priority, run_at, attempts, max_attempts order by id) run
    from w where queue is null and not remembered)
  insert into {schema}.ready (lane, priority, run_at, id, jobs, attempts, remembered)
  select lane, priority, run_at, min(id), count(*), attempts, false from g
    group by lane, priority, run_at, attempts, max_attempts, run, id / 100
  union all
  select lane, priority, run_at, id, 1, attempts, true from w where queue is null and remembered;
end $$;

create type {schema}.report as (
  claim_id bigint, job_id bigint, outcome "char", attempt smallint, exhausted boolean, delay_ms bigint,
  execution_us bigint, queue_us bigint, error_message text, error_detail text, result jsonb, partial_success jsonb);
create type {schema}.settled as (claim_id bigint, job_id bigint, verdict "char");

-- Ends the hold of claims on jobs, as the reports say: the one place where a job leaves a claim, but for plain completions
-- (CompletePlain). outcome as in attempt_outcome, or g: given back, which leaves no outcome.
-- verdict: a accepted; s accepted, but another job has taken its key, so that it has ended, cancelled; z stale, the claim does not hold the job; w wait: another transaction is replacing the job's key,
-- report it again later; nothing was changed for the last two. REQUIRES: a job_id once only.
create function {schema}.settle(p_worker int, p_reports {schema}.report[]) returns setof {schema}.settled
language plpgsql as $$
declare
  reports {schema}.report[];  -- those that a claim holds
  busy bigint[];
  superseded bigint[];
  moment timestamptz := clock_timestamp();
  number bigint;
begin
  perform from {schema}.claim where id in (select claim_id from unnest(p_reports)) order by id for no key update;
  -- The claim knows the attempt; what the report says of it does not count.
  with held as materialized (
    select c.id claim_id, i job_id, (h.attempts + 1)::smallint attempt
    from {schema}.claim c cross join unnest(c.first_ids, c.counts, c.attempts) h(first_id, jobs, attempts)
    cross join generate_series(h.first_id, h.first_id + h.jobs - 1) i
    where c.id in (select claim_id from unnest(p_reports)) and not i = any (c.returned))
  select array_agg(row(u.claim_id, u.job_id, u.outcome, held.attempt, u.exhausted, u.delay_ms, u.execution_us, u.queue_us,
      u.error_message, u.error_detail, u.result, u.partial_success)::{schema}.report)
    into reports from unnest(p_reports) u join held on held.claim_id = u.claim_id and held.job_id = u.job_id
    where not exists (select from {schema}.attempt_outcome o where o.job_id = u.job_id and o.claim_id = u.claim_id);
  -- Jobs that did not complete must still hold their keys; whoever holds the lock may be taking one.
  with keyed as materialized (
    select j.id, j.job_key from unnest(reports) u join {schema}.job j on j.id = u.job_id
    where j.job_key is not null and not u.outcome in ('c', 'k')),
  locked as materialized (
    select k.job_key, k.job_id from {schema}.job_key k where k.job_key in (select job_key from keyed)
    order by k.job_key for no key update skip locked)
  select array_agg(keyed.id) filter (where locked.job_key is null and k.job_key is not null),
         array_agg(keyed.id) filter (where locked.job_id <> keyed.id or k.job_key is null)
    into busy, superseded
    from keyed left join locked using (job_key) left join {schema}.job_key k using (job_key);
  if busy is not null then
    select array_agg(u) into reports from unnest(reports) u where not u.job_id = any (busy);
  end if;
  if superseded is not null then
    select array_agg(case when job_id = any (superseded)
        then row(claim_id, job_id, 'k', attempt, false, 0, execution_us, queue_us, 'superseded', error_message, null, null)::{schema}.report
        else u end)
      into reports from unnest(reports) u;
  end if;

  number := nextval('{schema}.recording_sequence');
  insert into {schema}.attempt_outcome (job_id, claim_id, recording, finished_at, execution_us, queue_us, worker, attempt, outcome, final)
    select job_id, claim_id, number, moment, execution_us, queue_us, p_worker, attempt, outcome, outcome in ('c', 'k')
    from unnest(reports) where outcome <> 'g';
  insert into {schema}.attempt_detail (job_id, claim_id, error_message, error_detail, result, partial_success)
    select job_id, claim_id, error_message, error_detail, result, partial_success from unnest(reports)
    where outcome <> 'g' and coalesce(error_message, error_detail, result::text, partial_success::text) is not null;

  -- What a later attempt has to know. An interruption leaves the time as it was.
  insert into {schema}.job_memory as m (job_id, run_at, interruptions, partial_success)
    select job_id, case when outcome <> 'i' then moment + delay_ms * interval '1 ms' end, (outcome = 'i')::int, partial_success
    from unnest(reports) where outcome in ('f', 'p', 's', 'i', 'l')
    on conflict (job_id) do update set
      run_at = coalesce(excluded.run_at, m.run_at),
      interruptions = least(m.interruptions::int + excluded.interruptions, 32767),
      partial_success = coalesce(excluded.partial_success, m.partial_success);
  delete from {schema}.job_memory where job_id in (select job_id from unnest(reports) where outcome in ('c', 'k'));

  -- Where they go.
  insert into {schema}.exhausted (id, since) select job_id, moment from unnest(reports) where exhausted;
  insert into {schema}.scheduled (due, id, attempts, queue, remembered)
    select moment + delay_ms * interval '1 ms', u.job_id, case when outcome = 's' then attempt - 1 else attempt end, j.queue, true
    from unnest(reports) u join {schema}.job j on j.id = u.job_id where outcome in ('f', 'p', 's') and not exhausted;
  perform {schema}.put_back(array_agg(row(job_id, case when outcome = 'l' then attempt else attempt - 1 end,
      exists (select from {schema}.job_memory m where m.job_id = u.job_id))::{schema}.waiting))
    from unnest(reports) u where outcome in ('i', 'g', 'l') and not exhausted having count(*) > 0;

  -- A key that an open transaction of an application has locked stays behind; it counts as free.
  delete from {schema}.job_key where ctid = any (array(
    select k.ctid from unnest(reports) u join {schema}.job j on j.id = u.job_id
    join {schema}.job_key k on k.job_key = j.job_key and k.job_id = j.id
    where u.outcome in ('c', 'k') or u.exhausted for update of k skip locked));
  perform {schema}.free_queues(array(select job_id from unnest(reports)));

  update {schema}.claim c set open_jobs = c.open_jobs - n, returned = c.returned || coalesce(back, '{}')
    from (select claim_id, count(*)::int n, array_agg(job_id) filter (where outcome = 'g') back from unnest(reports) group by 1) u
    where c.id = u.claim_id;
  delete from {schema}.claim where id in (select claim_id from unnest(reports)) and open_jobs = 0;
  return query select u.claim_id, u.job_id, (case
      when u.job_id = any (busy) then 'w'
      when u.job_id = any (superseded) then 's'
      when exists (select from unnest(reports) r where r.job_id = u.job_id and r.claim_id = u.claim_id) then 'a'
      else 'z' end)::"char"
    from unnest(p_reports) u;
end $$;

-- Sees to it that a claim of this number is never made if it is not made by now: takes its id, on whichever day it comes. Waits a
-- little for one that is on its way; false if it still is.
create function {schema}.refuse_claim(p_worker int, p_number bigint) returns boolean language plpgsql
set lock_timeout = '100ms' as $$
begin
  insert into {schema}.claim (id, worker, claimed_at, open_jobs, first_ids, counts, attempts)
    select {schema}.claim_id(p_number) + d * 1000000000000, p_worker, clock_timestamp(), 0, '{}', '{}', '{}'
    from generate_series(-1, 1) d on conflict do nothing;
  return true;
exception when lock_not_available then
  return false;
end $$;

-- Gives back what the claim of this number holds, if it was made, and else sees to it that it never is: the pool did not learn
-- which. False if that is for a later call: the claim is on its way, or an application is taking the key of one of its jobs.
create function {schema}.take_back(p_worker int, p_number bigint) returns boolean language plpgsql as $$
declare
  reports {schema}.report[];
begin
  -- What was refused and has not come within a day has gone with its connection.
  delete from {schema}.claim where worker = p_worker and open_jobs = 0 and claimed_at < clock_timestamp() - interval '1 day';
  if not {schema}.refuse_claim(p_worker, p_number) then return false; end if;
  select array_agg(row(c.id, i, 'g', 0, false, 0, 0, 0, null, null, null, null)::{schema}.report)
    into reports
    from {schema}.claim c cross join unnest(c.first_ids, c.counts) h(first_id, jobs)
    cross join generate_series(h.first_id, h.first_id + h.jobs - 1) i
    where c.worker = p_worker and c.id % 1000000000000 = p_number and not i = any (c.returned)
      and not exists (select from {schema}.attempt_outcome o where o.job_id = i and o.claim_id = c.id);
  return reports is null or not exists (select from {schema}.settle(p_worker, reports) where verdict = 'w');
end $$;

-- Frees what a worker holds whose lease has ended, and ends the lease. Its claims that are on the way come before or fail.
-- What another transaction works on is left for the next call. Returns the jobs that were freed.
create function {schema}.rescue(p_worker int) returns setof bigint
language plpgsql as $$
declare
  claims bigint[];
  reports {schema}.report[];
begin
  -- Waits for claims under way (they hold the row FOR KEY SHARE); later ones find the lease ended.
  perform from {schema}.worker where id = p_worker for update;
  update {schema}.worker set ended_at = clock_timestamp(), idle = false where id = p_worker and ended_at is null;
  select array_agg(id) into claims from (select id from {schema}.claim where worker = p_worker order by id for update skip locked) x;
  if claims is null then return; end if;
  -- An attempt that was not the last is counted. A last one is, and then was the last, only if its start is on record.
  select array_agg(row(c.id, j.id, case when last and not started then 'g' else 'l' end, a + 1, last and started, 0, 0, 0,
      case when last and not started then null when started then 'worker lost' else 'worker lost, start unknown' end,
      null, null, null)::{schema}.report)
    into reports
    from {schema}.claim c cross join unnest(c.first_ids, c.counts, c.attempts) h(first_id, jobs, a)
    cross join generate_series(h.first_id, h.first_id + h.jobs - 1) i join {schema}.job j on j.id = i
    cross join lateral (select a + 1 >= j.max_attempts as last, i = any (c.started_last) as started) s
    where c.id = any (claims) and not i = any (c.returned)
      and not exists (select from {schema}.attempt_outcome o where o.job_id = i and o.claim_id = c.id);
  return query select s.job_id from {schema}.settle(p_worker, reports) s where s.verdict in ('a', 's');
  -- What is left of them held nothing any more.
  delete from {schema}.claim where id = any (claims) and open_jobs = 0;
end $$;

-- Adding -----------------------------------------------------------------------------------------------------------

create function {schema}.refuse(p_message text) returns void language plpgsql as $$
begin
  raise exception using errcode = 'invalid_parameter_value', message = p_message;
end $$;

create function {schema}.check_name(p_name text, p_field text) returns void language plpgsql immutable as $$
begin
  if p_name = '' then perform {schema}.refuse(p_field || ': must not be empty'); end if;
  if octet_length(p_name) > 128 then
    perform {schema}.refuse(format('%s: at most 128 bytes, got %s', p_field, octet_length(p_name)));
  end if;
  if p_name ~ '[\u0001-\u001f\u007f-\u009f]' then perform {schema}.refuse(p_field || ': must be printable'); end if;
end $$;

create function {schema}.json_depth(p_json jsonb) returns int language sql immutable as $$
  with recursive levels(value, depth) as (
    select p_json, 1
    union all
    select child.value, depth + 1 from levels cross join lateral (
      select value from jsonb_each(case jsonb_typeof(levels.value) when 'object' then levels.value end)
      union all select value from jsonb_array_elements(case jsonb_typeof(levels.value) when 'array' then levels.value end)) child
    where jsonb_typeof(child.value) in ('object', 'array'))
  select max(depth) from levels $$;

create function {schema}.check_json(p_json jsonb, p_bytes int, p_field text) returns void language plpgsql immutable as $$
declare
  -- The text counts, not what is stored: 1e1000 is short when stored, and long when a pool reads it.
  bytes int := octet_length(p_json::text);
begin
  if jsonb_typeof(p_json) <> 'object' then perform {schema}.refuse(p_field || ': must be a JSON object'); end if;
  if bytes > p_bytes then perform {schema}.refuse(format('%s: at most %s bytes, got %s', p_field, p_bytes, bytes)); end if;
  -- 200 bytes are the least that can be nested deeper than 100.
  if bytes > 200 and {schema}.json_depth(p_json) > 100 then perform {schema}.refuse(p_field || ': nested deeper than 100'); end if;
end $$;

-- Writes a new job and where it waits. Serial ones always go by way of scheduled, since the transaction of an application
-- must not hold the lock of a queue.
create function {schema}.insert_job(p_id bigint, p_lane int, p_payload jsonb, p_queue int, p_run_at timestamptz, p_priority int,
  p_max_attempts int, p_job_key text, p_correlation_id text, p_metadata jsonb) returns void language plpgsql as $$
begin
  insert into {schema}.job (id, lane, priority, max_attempts, queue, run_at, job_key, correlation_id, metadata, payload)
    values (p_id, p_lane, p_priority, p_max_attempts, p_queue, p_run_at, p_job_key, p_correlation_id, p_metadata, p_payload);
  perform {schema}.put_new(p_id, p_lane, p_queue, p_run_at, p_priority);
end $$;

create function {schema}.put_new(p_id bigint, p_lane int, p_queue int, p_run_at timestamptz, p_priority int) returns void
language plpgsql as $$
begin
  if p_queue is null and p_run_at <= clock_timestamp() then
    insert into {schema}.ready (lane, priority, run_at, id) values (p_lane, p_priority, p_run_at, p_id);
  else
    insert into {schema}.scheduled (due, id, queue) values (p_run_at, p_id, p_queue);
  end if;
end $$;

-- Whether the job waits or is held. An exhausted one is not: it never blocks a key.
create function {schema}.is_live(p_job bigint) returns boolean language sql stable as $$
  select exists (select from {schema}.job where id = p_job)
    and not exists (select from {schema}.attempt_outcome where job_id = p_job and final)
    and not exists (select from {schema}.exhausted where id = p_job) $$;

-- Adds a job with a key, as the mode says. REQUIRES: arguments that add_job has checked.
create function {schema}.add_keyed(p_lane int, p_payload jsonb, p_queue int, p_run_at timestamptz, p_priority int,
  p_max_attempts int, p_job_key text, p_mode text, p_correlation_id text, p_metadata jsonb, out id bigint, out result text)
language plpgsql as $$
declare
  holder bigint;
  taken {schema}.waiting;
  due timestamptz := p_run_at;
begin
  id := {schema}.new_job_id();
  result := 'created';
  loop
    insert into {schema}.job_key values (p_job_key, id) on conflict do nothing;
    exit when found;
    select job_id into holder from {schema}.job_key where job_key = p_job_key for update;
    continue when not found;
    if p_mode = 'unsafe_dedupe' then
      if {schema}.is_live(holder) then id := holder; result := 'existing'; return; end if;
    else
      perform from {schema}.job j where j.id = holder for update;
      select * into taken from {schema}.take_waiting(array[holder]);
      if taken.id is not null then
        perform {schema}.free_queues(array[holder]);
        if p_mode = 'preserve_run_at' and not taken.remembered then select j.run_at into due from {schema}.job j where j.id = holder; end if;
        if not taken.remembered and taken.attempts = 0 then  -- no history: the job itself is changed
          update {schema}.job j set lane = p_lane, payload = p_payload, queue = p_queue, priority = p_priority, max_attempts = p_max_attempts,
            run_at = due, correlation_id = p_correlation_id, metadata = p_metadata where j.id = holder;
          perform {schema}.put_new(holder, p_lane, p_queue, due, p_priority);
          id := holder; result := 'updated'; return;
        end if;
        -- It has history, which must stay true: it ends, and a new job follows it.
        perform {schema}.end_waiting(array[holder], 'superseded');
        result := 'updated';
      end if;
    end if;
    update {schema}.job_key set job_id = add_keyed.id where job_key = p_job_key;
    exit;
  end loop;
  perform {schema}.insert_job(id, p_lane, p_payload, p_queue, due, p_priority, p_max_attempts, p_job_key, p_correlation_id, p_metadata);
end $$;

-- Gives jobs that were taken from where they waited their final outcome, cancelled.
create function {schema}.end_waiting(p_ids bigint[], p_reason text) returns void language plpgsql as $$
begin
  with ended as (
    insert into {schema}.attempt_outcome (job_id, claim_id, recording, finished_at, execution_us, queue_us, worker, attempt, outcome, final)
    select i, {schema}.claim_id(floor(random() * 1000000000000)::bigint), nextval('{schema}.recording_sequence'), clock_timestamp(), 0, 0, 0, 0, 'k', true from unnest(p_ids) i
    returning job_id, claim_id)
  insert into {schema}.attempt_detail (job_id, claim_id, error_message) select job_id, claim_id, p_reason from ended;
  delete from {schema}.job_memory where job_id = any (p_ids);
end $$;

-- The same as add_job, for callers that have checked the arguments and found lane and queue themselves: servers.
create function {schema}.add_valid_job(p_lane int, p_payload jsonb, p_queue int, p_run_at timestamptz, p_priority int,
  p_max_attempts int, p_job_key text, p_job_key_mode text, p_correlation_id text, p_metadata jsonb,
  out id bigint, out result text) language plpgsql as $$
begin
  if p_job_key is not null then
    select k.id, k.result into id, result from {schema}.add_keyed(p_lane, p_payload, p_queue, p_run_at, p_priority, p_max_attempts, p_job_key,
      coalesce(p_job_key_mode, 'replace'), p_correlation_id, p_metadata) k;
  else
    id := {schema}.new_job_id();
    result := 'created';
    perform {schema}.insert_job(id, p_lane, p_payload, p_queue, p_run_at, p_priority, p_max_attempts, null, p_correlation_id, p_metadata);
  end if;
  perform {schema}.announce_added();
end $$;

-- Adds one job, in the caller's transaction: it exists if and only if that commits. Arguments, limits and job key modes
-- are told in docs/job-lifecycle.md; what is wrong with an argument is raised as invalid_parameter_value (22023), before
-- anything is written. result: created, updated (the waiting job that held the key was replaced) or existing.
create function {schema}.add_job(
  task_identifier text,
  payload jsonb default '{}',
  queue_name text default null,
  run_at timestamptz default null,
  priority int default 0,
  max_attempts int default 25,
  job_key text default null,
  job_key_mode text default null,
  flags text[] default '{}',
  correlation_id text default null,
  metadata jsonb default null,
  out id bigint,
  out result text) language plpgsql as $$
#variable_conflict use_variable
declare
  due timestamptz := coalesce(run_at, now());
  json jsonb := coalesce(payload, '{}');
  flag text;
  lane int;
  queue int;
begin
  if task_identifier is null then perform {schema}.refuse('task_identifier: must not be null'); end if;
  perform {schema}.check_name(task_identifier, 'task_identifier');
  perform {schema}.check_name(queue_name, 'queue_name');
  perform {schema}.check_name(job_key, 'job_key');
  perform {schema}.check_name(correlation_id, 'correlation_id');
  perform {schema}.check_json(json, 1048576, 'payload');
  if metadata is not null then perform {schema}.check_json(metadata, 16384, 'metadata'); end if;
  if due < '1970-01-01 00:00:00Z' or due >= '2201-01-01 00:00:00Z' then perform {schema}.refuse('run_at: must be from the year 1970 to the year 2200'); end if;
  if priority is null or priority < -32768 or priority > 32767 then perform {schema}.refuse('priority: must be -32768 to 32767'); end if;
  if max_attempts is null or max_attempts < 1 or max_attempts > 32767 then perform {schema}.refuse('max_attempts: must be 1 to 32767'); end if;
  if job_key_mode is not null then
    if job_key is null then perform {schema}.refuse('job_key_mode: needs a job_key'); end if;
    if not job_key_mode in ('replace', 'preserve_run_at', 'unsafe_dedupe') then
      perform {schema}.refuse('job_key_mode: must be replace, preserve_run_at or unsafe_dedupe');
    end if;
  end if;
  if cardinality(flags) > 0 then
    if cardinality(flags) > 32 then perform {schema}.refuse('flags: at most 32'); end if;
    foreach flag in array flags loop
      if flag is null then perform {schema}.refuse('flags: must not be null'); end if;
      perform {schema}.check_name(flag, 'flags');
      if octet_length(flag) > 64 then perform {schema}.refuse('flags: at most 64 bytes each'); end if;
    end loop;
  end if;

  lane := {schema}.lane_of(task_identifier, flags);
  if queue_name is not null then queue := {schema}.queue_of(queue_name); end if;
  select j.id, j.result into id, result from {schema}.add_valid_job(lane, json, queue, due, priority, max_attempts, job_key,
    job_key_mode, correlation_id, metadata) j;
end $$;

-- Looking ----------------------------------------------------------------------------------------------------------

-- Whether the job is of one of the tasks and of one of the serial queues; an empty list asks for nothing.
create function {schema}.job_matches(p_job bigint, p_tasks text[], p_queues text[]) returns boolean language sql stable as $$
  select exists (
    select from {schema}.job j join {schema}.lane l on l.id = j.lane left join {schema}.queue q on q.id = j.queue
    where j.id = p_job and (p_tasks = '{}' or l.task_identifier = any (p_tasks)) and (p_queues = '{}' or q.name = any (p_queues))) $$;
